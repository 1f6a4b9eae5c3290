import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { PassThrough, Writable } from 'node:stream'
import { suite, test } from 'node:test'
import { createLogger, droppedLogLines, flushLogs } from '../../src/support/logger.ts'

const LOGGER_URL = new URL('../../src/support/logger.ts', import.meta.url).href

/** The lines that `write` logs. */
function linesOf(write: (log: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  let text = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk
      done()
    },
  })
  write(createLogger({ level: 'info', role: 'gateway', base: { worker: 2 }, stream }))
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

/** Runs code that has `createLogger` in its own process. */
function run(code: string, stdout: 'pipe' | number) {
  const script = `import { createLogger, flushLogs } from '${LOGGER_URL}'
    const log = createLogger({ level: 'info', role: 'gateway' })
    ${code}`
  const args = ['--input-type=module-typescript', '-e', script]
  return spawn(process.execPath, args, { stdio: ['ignore', stdout, 'pipe'] })
}

suite('logger', () => {
  test('writes one JSON object a line with time, level, role and component', () => {
    const lines = linesOf((log) => {
      log.child({ component: 'subscription' }).info({ revision: 7 }, 'snapshot applied')
      log.debug('not at this level')
    })
    assert.equal(lines.length, 1)
    const { time, ...rest } = lines[0] ?? {}
    assert.match(`${time}`, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    assert.deepEqual(rest, {
      level: 'info',
      role: 'gateway',
      worker: 2,
      pid: process.pid,
      component: 'subscription',
      revision: 7,
      msg: 'snapshot applied',
    })
  })

  test('errors keep their code and cause', () => {
    const cause = new Error('inner')
    const [line] = linesOf((log) => log.error({ err: new Error('outer', { cause }) }, 'failed'))
    assert.match(JSON.stringify(line), /outer: inner/)
  })

  test('secrets never show, up to two levels down', () => {
    const lines = linesOf((log) => {
      log.info({ password: 'hunter2', adminKey: 'hunter2', databaseUrl: 'hunter2' }, 'a')
      log.info({ headers: { authorization: 'hunter2', 'x-api-key': 'hunter2' } }, 'b')
      log.info({ req: { headers: { cookie: 'hunter2' } } }, 'c')
      log.child({ token: 'hunter2' }).info('d')
    })
    assert.equal(lines.length, 4)
    assert.doesNotMatch(JSON.stringify(lines), /hunter2/)
  })

  test('counts the lines that a log file could not take', async () => {
    const file = '/dev/full'
    const log = createLogger({ level: 'info', role: 'gateway', file })
    const before = droppedLogLines()
    log.info('lost')
    log.info('lost too')
    await flushLogs()
    assert.equal(droppedLogLines() - before, 2)
  })

  test('drops and counts lines when nobody reads, and goes on when somebody does', async () => {
    const stream = new PassThrough()
    const log = createLogger({ level: 'info', role: 'gateway', stream })
    const before = droppedLogLines()
    for (let i = 0; i < 3_000; i++) log.info({ filler: 'x'.repeat(1_000) }, 'line')
    assert.ok(droppedLogLines() > before)
    assert.ok(stream.writableLength < 2 * 1024 * 1024)
    stream.resume()
    await once(stream, 'drain')
    const dropped = droppedLogLines()
    log.info('again')
    assert.equal(droppedLogLines(), dropped)
  })

  test('a pipe without a reader neither blocks nor ends the process', {
    timeout: 20_000,
  }, async () => {
    const child = run(
      `for (let i = 0; i < 3000; i++) log.info({ filler: 'x'.repeat(1000) }, 'line')
       void flushLogs().then(() => process.exit(7))`,
      'pipe',
    )
    const [code] = await once(child, 'exit')
    assert.equal(code, 7)
  })

  test('a closed pipe is survived', { timeout: 20_000 }, async () => {
    const child = run(
      `let n = 0
       setInterval(() => { log.info('line'); if (++n === 20) void flushLogs().then(() => process.exit(7)) }, 5)`,
      'pipe',
    )
    child.stdout?.destroy()
    const [code] = await once(child, 'exit')
    assert.equal(code, 7)
  })

  test('a full disk is survived', { timeout: 20_000 }, async (t) => {
    const full = openSync('/dev/full', 'w')
    t.after(() => closeSync(full))
    const child = run(`log.info('line'); void flushLogs().then(() => process.exit(7))`, full)
    const [code] = await once(child, 'exit')
    assert.equal(code, 7)
  })

  test('lines before an exit arrive', { timeout: 20_000 }, async () => {
    const child = run(
      `for (let i = 0; i < 500; i++) log.info({ filler: 'x'.repeat(1000) }, 'line')
       log.fatal('the end')
       void flushLogs().then(() => process.exit(7))`,
      'pipe',
    )
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
    const [code] = await once(child, 'close')
    assert.equal(code, 7)
    assert.match(text, /"the end"\}\n$/)
    assert.equal(text.split('\n').length, 502)
  })
})
