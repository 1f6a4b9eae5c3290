import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  clientCertificateOf,
  keepAliveOf,
  retryBudgetOf,
  serviceOf,
  timeoutsOf,
} from '../../src/worker/upstream-config.ts'

suite('upstream configuration', () => {
  test('limits of kept connections; those left out have their defaults', () => {
    assert.equal(keepAliveOf({}), undefined)
    const pool = { size: 5, idle_timeout: 0.5, requests: 7 }
    assert.deepEqual(keepAliveOf({ keepalive_pool: pool }), {
      maxIdle: 5,
      idleMs: 500,
      maxRequests: 7,
    })
    const forever = keepAliveOf({ keepalive_pool: { idle_timeout: 0 } as never })
    assert.deepEqual(forever, { maxIdle: 320, idleMs: 2 ** 31 - 1, maxRequests: 1000 })
  })

  test('time-outs never exceed what timers take', () => {
    assert.deepEqual(timeoutsOf({ connect: 0.25, send: 1e12, read: 6 }), {
      connectMs: 250,
      sendMs: 2 ** 31 - 1,
      readMs: 6000,
    })
    assert.equal(timeoutsOf(undefined), undefined)
  })

  test('a retry budget, as far as it is given', () => {
    assert.equal(retryBudgetOf({ holdfast: {} }), undefined)
    const budget = retryBudgetOf({ holdfast: { retry_budget: { share: 0.5 } as never } })
    assert.deepEqual(budget, { share: 0.5, minPerSecond: 3 })
  })

  test('the name of a service, with a port or without', () => {
    const service = (service_name: string) => serviceOf({ discovery_type: 'dns', service_name }, 80)
    assert.deepEqual(service('a.test:8080'), { name: 'a.test', port: 8080, defaultPort: 80 })
    assert.deepEqual(service('_a._tcp.test'), {
      name: '_a._tcp.test',
      port: undefined,
      defaultPort: 80,
    })
    assert.equal(serviceOf({}, 80), undefined)
    assert.throws(() => serviceOf({ discovery_type: 'nacos', service_name: 'a' }, 80), /nacos/)
  })

  test('a client certificate: inline, or of an ssls object of the right type', () => {
    const find = (id: string) =>
      ({ c: { type: 'client', cert: 'C', key: 'K' }, s: { cert: 'C', key: 'K' } })[id]
    assert.deepEqual(clientCertificateOf({}, find), { cert: undefined, key: undefined })
    const inline = { client_cert: 'A', client_key: 'B', verify: false }
    assert.deepEqual(clientCertificateOf({ tls: inline }, find), { cert: 'A', key: 'B' })
    const named = (id: string) =>
      clientCertificateOf({ tls: { client_cert_id: id, verify: false } }, find)
    assert.deepEqual(named('c'), { cert: 'C', key: 'K' })
    assert.throws(() => named('s'), /not of the type client/)
    assert.throws(() => named('gone'), { code: 'GW_CONFIG_REFERENCE' })
  })
})
