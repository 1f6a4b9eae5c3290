import assert from 'node:assert/strict'
import { readFile, stat } from 'node:fs/promises'
import { suite, test } from 'node:test'
import { ensureKeyringFile } from '../../../src/cli/quickstart/keyring-file.ts'
import { parseKeys } from '../../../src/support/keyring.ts'
import { temporaryFolder } from '../../helpers/stack.ts'

suite("quickstart's keyring", () => {
  test('is made once, for its owner only', async (t) => {
    const dataDir = await temporaryFolder(t)
    const path = await ensureKeyringFile(dataDir)
    const text = await readFile(path, 'utf8')
    assert.equal(parseKeys(text).length, 1)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.equal(await ensureKeyringFile(dataDir), path)
    assert.equal(await readFile(path, 'utf8'), text)
  })
})
