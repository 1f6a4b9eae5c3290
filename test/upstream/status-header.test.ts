import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { upstreamStatusHeader } from '../../src/upstream/status-header.ts'

suite('X-APISIX-Upstream-Status', () => {
  const cases: [statuses: number[], onErrors: string | undefined, always: string | undefined][] = [
    [[], undefined, undefined],
    [[200], undefined, '200'],
    [[404], undefined, '404'],
    [[500], '500', '500'],
    [[502, 200], undefined, '502, 200'],
    [[502, 504], '502, 504', '502, 504'],
    [[200, 502], '200, 502', '200, 502'],
  ]
  for (const [statuses, onErrors, always] of cases) {
    test(`attempts [${statuses}]`, () => {
      assert.equal(upstreamStatusHeader(statuses, false), onErrors)
      assert.equal(upstreamStatusHeader(statuses, true), always)
    })
  }
})
