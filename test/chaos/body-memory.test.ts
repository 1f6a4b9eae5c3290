import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { startServing } from '../helpers/serving-stack.ts'
import { type Gateway, until } from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'

const MIB = 1024 * 1024
const BUDGET = 32 * MIB
const UPLOAD = 6 * MIB
const UPLOADS = 80

async function metricOf(gateway: Gateway, name: string): Promise<number> {
  const text = await (await fetch(`${gateway.metricsUrl}/metrics`)).text()
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  return Number(line?.slice(name.length + 1) ?? 0)
}

/** Sends all of a body but its last byte. */
async function upload(t: TestContext, gateway: Gateway): Promise<Socket> {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  socket.write(`POST /checked HTTP/1.1\r\nHost: a\r\nContent-Length: ${UPLOAD + 1}\r\n\r\n`)
  socket.write(Buffer.alloc(UPLOAD, 'x'))
  return socket
}

suite('slow uploads that a plugin holds', () => {
  test('fill no more than the memory for bodies, and hold up nobody else', async (t) => {
    const env = { HOLDFAST_HTTP_MAX_BUFFERED_BYTES: String(BUDGET) }
    const { gateway, putRoute } = await startServing(t, env, 1)
    const plugins = { 'request-validation': { body_schema: { type: 'object' } } }
    await putRoute('checked', { uri: '/checked', plugins })
    const check = (body: string) =>
      fetch(`${gateway.url}/checked`, { method: 'POST', body }).then(({ status }) => status)
    await until(async () => (await check('no JSON')) === 400)
    const held = () => metricOf(gateway, 'holdfast_http_buffered_bytes')
    const resident = () => metricOf(gateway, 'holdfast_worker_resident_bytes')

    const before = await resident()
    const load = startLoad(gateway.url, 4)
    const uploads = await Promise.all(Array.from({ length: UPLOADS }, () => upload(t, gateway)))
    let most = 0
    await until(async () => {
      most = Math.max(most, await resident())
      // Each is held whole, or refused.
      const refused = await metricOf(gateway, 'holdfast_shed_total{reason="body-memory"}')
      return refused * UPLOAD + (await held()) >= UPLOADS * UPLOAD
    }, 30_000)
    assert.ok((await held()) <= BUDGET)
    // Without a bound 480 MiB and more; what was read of refused ones takes its time to go.
    const grownMib = (most - before) / MIB
    t.diagnostic(`${UPLOADS} uploads of 6 MiB: ${Math.round(grownMib)} MiB more`)
    assert.ok(grownMib < 350, `${grownMib}`)
    assert.equal(await check('{}'), 200)

    for (const socket of uploads) socket.destroy()
    await until(async () => (await held()) === 0)
    const { sent, failures } = await load.stop()
    t.diagnostic(`${sent} other requests, ${failures.length} failed`)
    assert.deepEqual(failures, [])
  })
})
