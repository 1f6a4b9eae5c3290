import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { SecretMemory } from '../../../src/primary/secrets/secret-memory.ts'
import { createKeyring, NO_KEYRING, parseKeys } from '../../../src/support/keyring.ts'
import { createLogger } from '../../../src/support/logger.ts'
import { temporaryFolder } from '../../helpers/stack.ts'

const log = createLogger({ level: 'silent', role: 'gateway' })
const REFERENCE = '$secret://vault/1/jack/key'
const keyring = createKeyring(parseKeys(`k:${Buffer.alloc(32, 1).toString('base64')}`))
const DAY_MS = 24 * 3_600_000

/** Keeps one value in the folder, as the options say. */
async function keep(dataDir: string, options: object = {}): Promise<void> {
  const memory = new SecretMemory({ dataDir, group: 'default', keyring, log, ...options })
  memory.follow(() => [[REFERENCE, 'the value']])
  memory.changed()
  await memory.stop()
}

async function loadFrom(dataDir: string, options: object = {}): Promise<string | undefined> {
  const memory = new SecretMemory({ dataDir, group: 'default', keyring, log, ...options })
  return (await memory.load()).get(REFERENCE)
}

suite('SecretMemory', () => {
  test('keeps values over a restart, encrypted', async (t) => {
    const folder = await temporaryFolder(t)
    await keep(folder)
    assert.equal(await loadFrom(folder), 'the value')
    const text = await readFile(join(folder, 'managed-secrets.json'), 'utf8')
    assert.doesNotMatch(text, /the value/)
  })

  const lost = [
    { name: 'of another group', options: { group: 'other' } },
    { name: 'without the key', options: { keyring: NO_KEYRING } },
    { name: 'of more than a day ago', options: { now: () => Date.now() + DAY_MS + 60_000 } },
  ]
  for (const { name, options } of lost) {
    test(`knows nothing ${name}`, async (t) => {
      const folder = await temporaryFolder(t)
      await keep(folder)
      assert.equal(await loadFrom(folder, options), undefined)
    })
  }

  test('writes nothing without a keyring', async (t) => {
    const folder = await temporaryFolder(t)
    await keep(folder, { keyring: NO_KEYRING })
    assert.deepEqual(await readdir(folder), [])
  })
})
