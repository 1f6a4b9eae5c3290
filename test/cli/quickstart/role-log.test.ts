import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { suite, test } from 'node:test'
import { createRoleLog, loudText } from '../../../src/cli/quickstart/role-log.ts'

suite('role log', () => {
  const cases = [
    { line: '{"level":"info","msg":"applied"}', text: undefined },
    { line: '{"level":"warn","msg":"away","pid":1,"delayMs":5}', text: 'warn: away (delayMs=5)' },
    { line: '{"level":"error","msg":"m","err":{"message":"why"}}', text: 'error: m: why' },
    { line: '{"level":"warn","msg":"m","deep":{"a":1}}', text: 'warn: m' },
    { line: 'Error: a trace', text: 'Error: a trace' },
    { line: '42', text: '42' },
  ]
  for (const { line, text } of cases) {
    test(`shows ${line} as ${text}`, () => assert.equal(loudText(line), text))
  }

  test('keeps whole lines of all sources in the file', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-log-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const log = createRoleLog(folder, 'gateway')
    const [a, b] = [log.createStream(), log.createStream()]
    a.write('{"level":"info",')
    b.write('{"level":"info","n":2}\n')
    a.write('"n":1}\n')
    b.write('{"level":"info","n":3}')
    for (const stream of [a, b]) {
      stream.end()
      await finished(stream)
    }
    await log.close()
    const text = readFileSync(join(folder, 'gateway.log'), 'utf8')
    assert.deepEqual(text.match(/"n":\d/g), ['"n":2', '"n":1', '"n":3'])
    assert.equal(text.split('\n').length, 4)
  })

  test('a folder that is gone harms nobody', async () => {
    const log = createRoleLog('/no/such/folder', 'gateway')
    log.createStream().write('{"level":"info"}\n')
    await log.close()
  })
})
