import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { hostOf } from '../../src/routing/host.ts'

suite('hostOf', () => {
  const cases: [authority: string, host: string][] = [
    ['example.com', 'example.com'],
    ['Example.COM:9080', 'example.com'],
    ['example.com.', 'example.com'],
    ['example.com.:80', 'example.com'],
    ['example.com:', 'example.com'],
    ['127.0.0.1:80', '127.0.0.1'],
    ['[::1]', '[::1]'],
    ['[2001:DB8::1]:9080', '[2001:db8::1]'],
    ['', ''],
    ['.', '.'],
  ]
  for (const [authority, host] of cases) {
    test(`${JSON.stringify(authority)} is ${JSON.stringify(host)}`, () => {
      assert.equal(hostOf(authority), host)
    })
  }
})
