import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { acceptsCoding } from '../../../src/plugins/compression/accept-encoding.ts'
import { createRequest } from '../../helpers/plugin-harness.ts'

suite('Accept-Encoding', () => {
  const cases: [field: string | string[] | undefined, br: boolean, gzip: boolean][] = [
    [undefined, false, false],
    ['', false, false],
    ['br', true, false],
    ['*', true, false],
    ['gzip', false, true],
    ['GZip, BR', true, true],
    ['gzip, *', true, true],
    ['gzip, deflate', false, true],
    ['gzip;q=0.5, br;q=0.6', true, true],
    ['gzip;q=0.5, br;q=0', false, true],
    ['br;q=0, *', false, false],
    ['br;q=0.000,gzip;q=0.0', false, false],
    ['gzip ; Q = 1.000', false, true],
    ['gzip;q=0.001', false, true],
    ['gzip;q=', false, false],
    ['gzip;q=2, br;q=-1', false, false],
    ['gzip;q=0.8, deflate, sdch;q=0.6, *;q=0.1', true, true],
    ['*;q=0', false, false],
    ['x-gzip, brotli', false, false],
    [['deflate', 'gzip'], false, true],
  ]
  for (const [field, br, gzip] of cases) {
    test(JSON.stringify(field) ?? 'none', () => {
      const fields = field === undefined ? [] : [field].flat()
      const request = createRequest({ headers: fields.flatMap((one) => ['Accept-Encoding', one]) })
      assert.equal(acceptsCoding(request, 'br', true), br)
      assert.equal(acceptsCoding(request, 'gzip', false), gzip)
    })
  }
})
