import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { KeptFile } from '../../src/primary/kept-file.ts'
import { temporaryFolder } from '../helpers/stack.ts'

const complaint = 'answers can not be kept'

async function keptFile(t: TestContext, ...folder: string[]) {
  const path = join(await temporaryFolder(t), ...folder, 'answers.json')
  const messages: string[] = []
  const log = pino({ base: null }, { write: (line) => messages.push(JSON.parse(line).msg) })
  let encoded = 0
  const file = new KeptFile({
    path,
    encode: () => String(++encoded),
    delayMs: 60_000,
    log,
    complaint,
  })
  return { file, path, messages }
}

suite('KeptFile', () => {
  test('makes one write of several changes', async (t) => {
    const { file, path } = await keptFile(t)
    file.schedule()
    file.schedule()
    await file.flush()
    assert.equal(await readFile(path, 'utf8'), '1')
    await file.flush()
    assert.equal(await readFile(path, 'utf8'), '1', 'nothing has changed')
  })

  test('writes nothing once a successor has the folder', async (t) => {
    const { file, path } = await keptFile(t)
    file.schedule()
    await file.leave()
    file.schedule()
    await file.flush()
    await assert.rejects(readFile(path), { code: 'ENOENT' })
  })

  test('complains once of what can not be written, and goes on', async (t) => {
    const { file, path, messages } = await keptFile(t, 'gone')
    for (let i = 0; i < 2; i++) {
      file.schedule()
      await file.flush()
      assert.equal(file.failing, true)
    }
    await mkdir(join(path, '..'))
    file.schedule()
    await file.flush()
    assert.equal(file.failing, false)
    assert.deepEqual(messages, [complaint, 'file is kept again'])
    assert.equal(await readFile(path, 'utf8'), '3')
  })
})
