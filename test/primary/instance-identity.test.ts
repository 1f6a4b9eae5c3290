import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import pino from 'pino'
import { claimIdentity, replaceIdentity } from '../../src/primary/instance-identity.ts'
import { temporaryFolder } from '../helpers/stack.ts'

const log = pino({ level: 'silent' })
const fileOf = (folder: string) => join(folder, 'instance.json')
const ownerOf = async (folder: string) => JSON.parse(await readFile(fileOf(folder), 'utf8'))

suite('instance identity', () => {
  test('is kept in the data directory, for its owner only', async (t) => {
    const folder = join(await temporaryFolder(t), 'new')
    const first = await claimIdentity(folder, log)
    const second = await claimIdentity(folder, log)
    assert.equal(second.id, first.id)
    assert.notEqual(second.run, first.run)
    assert.deepEqual(await ownerOf(folder), { ...second, host: hostname() })
    assert.equal((await stat(fileOf(folder))).mode & 0o777, 0o600)
  })

  const broken = ['', '{', 'null', '[]', '{"id":"x","host":"y"}', '{"id":7}', '\0\0\0']
  for (const text of broken) {
    test(`is new when the file holds ${JSON.stringify(text)}`, async (t) => {
      const folder = await temporaryFolder(t)
      await writeFile(fileOf(folder), text)
      const { id } = await claimIdentity(folder, log)
      assert.match(id, /^[\da-f-]{36}$/)
      assert.equal((await ownerOf(folder)).id, id)
    })
  }

  test('is new when the directory comes from another host', async (t) => {
    const folder = await temporaryFolder(t)
    const { id, run } = await claimIdentity(folder, log)
    await writeFile(fileOf(folder), JSON.stringify({ id, run, host: 'elsewhere' }))
    assert.notEqual((await claimIdentity(folder, log)).id, id)
  })

  test('without a disk to write to there is one all the same', async (t) => {
    const folder = await temporaryFolder(t)
    await writeFile(join(folder, 'file'), '')
    const { id } = await claimIdentity(join(folder, 'file', 'data'), log)
    assert.match(id, /^[\da-f-]{36}$/)
  })

  test('a replacement is kept, but not in the directory of the process that has the id', async (t) => {
    const folder = await temporaryFolder(t)
    const mine = await claimIdentity(folder, log)
    const replaced = await replaceIdentity(folder, mine, log)
    assert.notEqual(replaced.id, mine.id)
    assert.equal((await ownerOf(folder)).id, replaced.id)

    const other = await claimIdentity(folder, log)
    const again = await replaceIdentity(folder, replaced, log)
    assert.notEqual(again.id, other.id)
    assert.equal((await ownerOf(folder)).id, other.id)
  })
})
