import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { suite, type TestContext, test } from 'node:test'
import { INHERITED } from '../helpers/process.ts'

const RUN_ROLE_URL = new URL('../../src/cli/run-role.ts', import.meta.url).href
const LOGGER_URL = new URL('../../src/support/logger.ts', import.meta.url).href

/** Runs a process whose role is `role`, an object literal; resolves when it has started. */
async function startRole(t: TestContext, role: string, start = 'async () => role') {
  const script = `
    import { runRole } from '${RUN_ROLE_URL}'
    import { createLogger } from '${LOGGER_URL}'
    const log = createLogger({ level: 'info', role: 'test' })
    // Keeps the process alive, as a server does.
    setInterval(() => {}, 1e6)
    const role = ${role}
    const running = runRole(log, () => 1, ${start})
    log.info('started')
    process.exitCode = await running.catch(() => 99)
    process.exit()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: { ...INHERITED, HOLDFAST_ENV_FILE: '/dev/null', HOLDFAST_PORT: 'tcp://x' },
    timeout: 20_000,
  })
  t.after(() => child.kill('SIGKILL'))
  const lines: Record<string, unknown>[] = []
  const started = Promise.withResolvers<void>()
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (text) => {
    const line = JSON.parse(text)
    lines.push(line)
    if (line.msg === 'started') started.resolve()
  })
  await started.promise
  return { child, lines }
}

async function exitOf(child: ChildProcess): Promise<number | string> {
  // 'close' never comes after disconnect(); what was logged is read before the exit is reported,
  // as the process waits for its pipe to take it.
  const [code, signal] = await once(child, 'exit')
  return code ?? signal
}

const QUICK = '{ stop: async () => {} }'
const STUCK = '{ stop: () => new Promise(() => {}) }'

// Some wait for a time-out of seconds.
suite('run role', { concurrency: 4 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal} stops gracefully, exit code 0`, async (t) => {
      const { child, lines } = await startRole(t, QUICK)
      child.kill(signal)
      assert.equal(await exitOf(child), 0)
      assert.ok(lines.some(({ msg, reason }) => msg === 'stopping' && reason === signal))
    })
  }

  test('the loss of the supervising parent stops gracefully', async (t) => {
    const { child } = await startRole(t, QUICK)
    child.disconnect()
    assert.equal(await exitOf(child), 0)
  })

  test('a second signal ends at once', async (t) => {
    const { child, lines } = await startRole(t, STUCK)
    const repeat = setInterval(() => child.kill('SIGTERM'), 200)
    t.after(() => clearInterval(repeat))
    assert.equal(await exitOf(child), 143)
    assert.equal(lines.filter(({ msg }) => msg === 'stopping').length, 1)
  })

  test('SIGHUP does not end it', async (t) => {
    const { child } = await startRole(t, QUICK)
    child.kill('SIGHUP')
    child.kill('SIGTERM')
    assert.equal(await exitOf(child), 0)
  })

  test('a start that takes forever can be stopped', async (t) => {
    const { child } = await startRole(t, QUICK, '() => new Promise(() => {})')
    child.kill('SIGTERM')
    assert.equal(await exitOf(child), 0)
  })

  test('a stop that hangs is given up', async (t) => {
    const { child, lines } = await startRole(t, STUCK)
    child.kill('SIGTERM')
    assert.equal(await exitOf(child), 1)
    assert.ok(lines.some(({ msg }) => msg === 'stop took too long, ending anyway'))
  })

  test('a failure of the role is handed on', async (t) => {
    const role = `{ stop: async () => {}, failed: new Promise((_, no) => setTimeout(no, 50, Error('x'))) }`
    const { child } = await startRole(t, role)
    assert.equal(await exitOf(child), 99)
  })

  for (const [name, code] of [
    ['an uncaught error', `setTimeout(() => { throw new Error('oops') }, 20)`],
    ['an unhandled rejection', `setTimeout(() => { Promise.reject(new Error('oops')) }, 20)`],
  ]) {
    test(`${name} is logged as fatal, exit code 70`, async (t) => {
      const { child, lines } = await startRole(t, `(${code}, ${QUICK})`)
      assert.equal(await exitOf(child), 70)
      const fatal = lines.find(({ level }) => level === 'fatal')
      assert.match(JSON.stringify(fatal), /oops/)
    })
  }

  test('unknown settings in the environment are a warning', async (t) => {
    const { child, lines } = await startRole(t, QUICK)
    child.kill('SIGTERM')
    assert.equal(await exitOf(child), 0)
    const warning = lines.find(({ level }) => level === 'warn')
    assert.deepEqual(warning?.['names'], ['HOLDFAST_PORT'])
  })
})
