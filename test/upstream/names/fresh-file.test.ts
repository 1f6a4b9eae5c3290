import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { FreshFile } from '../../../src/upstream/names/fresh-file.ts'

suite('fresh file', () => {
  test('reads a file without a date, as images that are built alike have them', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'fresh-file-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'hosts')
    writeFileSync(path, 'text')
    utimesSync(path, 0, 0)
    assert.equal(await new FreshFile(path, (text) => text, 'absent').read(), 'text')
  })
})
