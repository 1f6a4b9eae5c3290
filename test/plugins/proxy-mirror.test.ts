import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { OutboundRequest } from '../../src/plugins/contract.ts'
import proxyMirror from '../../src/plugins/proxy-mirror.ts'
import { configure, createRequest, type RequestFacts } from '../helpers/plugin-harness.ts'

/** What a mirror gets of a request whose body flows to its node. */
async function mirrored(config: Record<string, unknown>, facts: RequestFacts) {
  const sent: OutboundRequest[] = []
  const instance = configure(
    proxyMirror,
    { host: 'http://127.0.0.1:1', ...config },
    {
      http: {
        send: async (outbound) => {
          sent.push(outbound)
          return { status: 200, headers: {}, body: Buffer.alloc(0) }
        },
      },
    },
  )
  const request = createRequest(facts)
  await instance.beforeProxy?.(request)
  request.body?.start({ onData: () => true, onEnd() {}, onError() {} })
  return sent
}

suite('proxy-mirror', () => {
  const targets = [
    { config: {}, url: 'http://127.0.0.1:1/a%20b?c=d' },
    { config: { path: '/m' }, url: 'http://127.0.0.1:1/m?c=d' },
    { config: { path: '/m', path_concat_mode: 'prefix' }, url: 'http://127.0.0.1:1/m/a%20b?c=d' },
  ]
  for (const { config, url } of targets) {
    test(`copies to ${url}`, async () => {
      const [copy] = await mirrored(config, {
        target: '/a%20b?c=d',
        headers: ['Host', 'x', 'A', 'b'],
      })
      assert.equal(copy?.url, url)
      assert.deepEqual(copy?.headers, ['Host', 'x', 'A', 'b'])
    })
  }

  test('copies method and body', async () => {
    const [copy] = await mirrored({}, { method: 'POST', body: 'hello' })
    assert.equal(copy?.method, 'POST')
    assert.equal(String(copy?.body), 'hello')
  })

  test('copies no body above 1 MiB', async () => {
    const sent = await mirrored({}, { method: 'POST', body: 'x'.repeat(1024 * 1024 + 1) })
    assert.deepEqual(sent, [])
  })

  test('copies a share of the requests', async () => {
    let copies = 0
    for (let i = 0; i < 400; i++) copies += (await mirrored({ sample_ratio: 0.5 }, {})).length
    assert.ok(copies > 130 && copies < 270, `${copies} of 400`)
  })
})
