import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { suite, test } from 'node:test'
import { ERROR_CODES } from '../../src/model/errors.ts'
import { EXIT } from '../../src/support/exit-codes.ts'

const page = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8')

suite('docs/errors.md', () => {
  test('has a row for each error code and no other', () => {
    const documented = [...page.matchAll(/^\| `(GW_\w+)` \|/gm)].map(([, code]) => code)
    assert.deepEqual(documented.sort(), [...ERROR_CODES].sort())
  })

  test('names each exit code', () => {
    const section = page.slice(page.indexOf('## Exit codes'))
    const documented = [...section.matchAll(/\b\d{1,3}\b/g)].map(([code]) => Number(code))
    for (const code of Object.values(EXIT)) assert.ok(documented.includes(code), String(code))
  })
})
