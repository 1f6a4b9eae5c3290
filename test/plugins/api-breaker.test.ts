import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { CircuitState, CircuitTerms } from '../../src/model/quota.ts'
import apiBreaker from '../../src/plugins/api-breaker.ts'
import { NO_QUOTA } from '../../src/plugins/no-quota.ts'
import { monotonicMs } from '../../src/support/monotonic.ts'
import { configure, createRequest } from '../helpers/plugin-harness.ts'

const KEY = 'api-breaker:routes/r1:example.com/a'

/** A breaker that knows `state` of `/a`; what it reports is kept. */
function breaker(config: Record<string, unknown>, state?: CircuitState) {
  const reports: [string, boolean, CircuitTerms][] = []
  const quota = {
    ...NO_QUOTA,
    circuit: (key: string) => (key === KEY ? state : undefined),
    report: (...report: [string, boolean, CircuitTerms]) => void reports.push(report),
  }
  const instance = configure(apiBreaker, { break_response_code: 502, ...config }, { quota })
  const reply = () => instance.access?.(createRequest({ target: '/a?b' }))
  return { instance, reports, reply }
}

const openedAgo = (seconds: number, failures: number): CircuitState => ({
  failures,
  openedAtMs: monotonicMs() - seconds * 1_000,
})

suite('api-breaker', () => {
  const cases = [
    { name: 'not opened yet', state: { failures: 2, openedAtMs: undefined }, open: false },
    { name: 'first failures: 2 s', state: openedAgo(1.9, 3), open: true },
    { name: 'first failures: no longer', state: openedAgo(2.1, 3), open: false },
    { name: 'more failures, not yet twice as many', state: openedAgo(2.1, 5), open: false },
    { name: 'twice as many: 4 s', state: openedAgo(3.9, 6), open: true },
    { name: 'eight times as many: 256 s', state: openedAgo(250, 24), open: true },
    { name: 'no longer than the most', state: openedAgo(301, 3_000), open: false },
  ]
  for (const { name, state, open } of cases) {
    test(name, () => {
      assert.deepEqual(breaker({}, state).reply(), open ? { status: 502 } : undefined)
    })
  }

  test('answers with body and headers, which may have variables; one Content-Type', () => {
    const { reply } = breaker(
      {
        break_response_body: '{"message":"broken"}',
        break_response_headers: [
          { key: 'Content-Type', value: 'text/plain' },
          { key: 'X-Client', value: 'a' },
          { key: 'content-type', value: 'application/json' },
          { key: 'X-Client', value: '$remote_addr:$arg_b' },
        ],
      },
      openedAgo(0, 3),
    )
    assert.deepEqual(JSON.parse(JSON.stringify(reply())), {
      status: 502,
      headers: { 'Content-Type': ['application/json'], 'X-Client': ['a', '192.0.2.1:'] },
      body: '{"message":"broken"}',
    })
  })

  test('reports what the node answered, if it says something', () => {
    const { instance, reports } = breaker({
      unhealthy: { http_statuses: [500, 503], failures: 2 },
      healthy: { successes: 4 },
      max_breaker_sec: 10,
    })
    for (const status of [500, 503, 502, 200, 404]) {
      const request = createRequest({ target: '/a' })
      request.upstreamRecord.start()
      Object.assign(request.upstreamRecord, { statuses: [status] })
      instance.log?.(request)
    }
    instance.log?.(createRequest({ target: '/a' }))
    const terms = { failures: 2, successes: 4, maxOpenMs: 10_000 }
    const expected = [false, false, true].map((healthy) => [KEY, healthy, terms])
    assert.deepEqual(reports, expected)
  })

  test('refuses headers without a body', () => {
    const headers = [{ key: 'a', value: 'b' }]
    assert.throws(() => breaker({ break_response_headers: headers }), /needs break_response_body/)
  })
})
