import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { NameMemory } from '../../src/primary/name-memory.ts'

const WEB = { key: 'web.test', nodes: [{ host: '10.0.0.1', weight: 1 }] }
const SRV = {
  key: 'service:s.test',
  nodes: [{ host: 'fd00::1', port: 80, weight: 1, priority: -1 }],
}

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-names-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

async function memoryIn(folder: string): Promise<NameMemory> {
  const memory = new NameMemory(folder, pino({ enabled: false }))
  await memory.load()
  return memory
}

suite('name memory', () => {
  test('keeps the last answers over a restart', async (t) => {
    const folder = await folderOf(t)
    const before = await memoryIn(folder)
    before.note([{ ...WEB, nodes: [{ host: '10.0.0.9' }] }])
    before.note([SRV, WEB])
    assert.deepEqual(before.names, [SRV, WEB])
    await before.stop()
    assert.deepEqual((await memoryIn(folder)).names, [SRV, WEB])
  })

  test('writes nothing where no name was resolved', async (t) => {
    const folder = await folderOf(t)
    await (await memoryIn(folder)).stop()
    await assert.rejects(readFile(join(folder, 'names.json')), { code: 'ENOENT' })
  })

  const day = 24 * 3_600_000
  const files: [name: string, text: string, known: number][] = [
    ['torn', '{"savedAt":1,"na', 0],
    ['of another form', '{"names":3}', 0],
    ['too old', JSON.stringify({ savedAt: Date.now() - day - 1, names: [WEB] }), 0],
    ['of the future', JSON.stringify({ savedAt: Date.now() + day, names: [WEB] }), 0],
    [
      'with a host that is no address',
      JSON.stringify({ savedAt: Date.now(), names: [WEB, { key: 'x', nodes: [{ host: 'y' }] }] }),
      1,
    ],
  ]
  for (const [name, text, known] of files) {
    test(`a file that is ${name}`, async (t) => {
      const folder = await folderOf(t)
      await writeFile(join(folder, 'names.json'), text)
      assert.equal((await memoryIn(folder)).names.length, known)
    })
  }
})
