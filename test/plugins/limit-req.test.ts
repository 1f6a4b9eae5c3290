import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { PluginHost } from '../../src/plugins/contract.ts'
import limitReq from '../../src/plugins/limit-req.ts'
import { configure, createRequest } from '../helpers/plugin-harness.ts'
import { createQuotaRig } from '../helpers/quota.ts'

function limiter(config: Record<string, unknown>) {
  const rig = createQuotaRig({ workers: 1 })
  const quota = rig.ledgers[0] as PluginHost['quota']
  const instance = configure(limitReq, { key: 'remote_addr', ...config }, { quota })
  const send = async (remoteAddress = '192.0.2.1') =>
    (await instance.access?.(createRequest({ remoteAddress }))) ?? { status: 200 }
  return { rig, send }
}

suite('limit-req', () => {
  test('beyond rate and burst requests are refused', async () => {
    const { rig, send } = limiter({ rate: 10, burst: 2, nodelay: true })
    const statuses = []
    for (let n = 0; n < 5; n++) statuses.push((await send()).status)
    assert.deepEqual(statuses, [200, 200, 200, 503, 503])
    assert.equal((await send('192.0.2.2')).status, 200)
    rig.clock.now += 100
    assert.deepEqual([(await send()).status, (await send()).status], [200, 503])
  })

  test('within the burst they wait for their turn', async () => {
    const { send } = limiter({ rate: 20, burst: 3 })
    const startedAt = performance.now()
    const ended = await Promise.all(
      [1, 2, 3].map(async () => {
        await send()
        return performance.now() - startedAt
      }),
    )
    const [first = 0, second = 0, third = 0] = ended
    assert.ok(first < 45 && second >= 49 && third >= 99, ended.join(' '))
  })

  test('rates below one, fractions of a burst, status and message', async () => {
    const { rig, send } = limiter({
      rate: 0.5,
      burst: 0.5,
      nodelay: true,
      rejected_code: 429,
      rejected_msg: 'slow down',
    })
    assert.equal((await send()).status, 200)
    const refused = await send()
    assert.deepEqual(refused, { status: 429, body: { error_msg: 'slow down' } })
    rig.clock.now += 1_000
    assert.equal((await send()).status, 200)
  })

  test('without an answer of the ledger: 500, or degradation', async () => {
    for (const allow_degradation of [false, true]) {
      const { rig, send } = limiter({ rate: 1, burst: 1, allow_degradation })
      rig.ledgers[0]?.disconnect()
      assert.equal((await send()).status, allow_degradation ? 200 : 500)
    }
  })
})
