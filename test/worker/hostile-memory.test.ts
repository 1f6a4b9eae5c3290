import assert from 'node:assert/strict'
import type { RequestListener, ServerResponse } from 'node:http'
import { suite, type TestContext, test } from 'node:test'
import type { PluginInstance } from '../../src/plugins/contract.ts'
import responseRewrite from '../../src/plugins/response-rewrite.ts'
import { until } from '../helpers/stack.ts'
import type { RawClient } from '../http/engine-fixture.ts'
import { startRig, type WorkerRig } from './worker-rig.ts'

const KIB = 1024
const BUDGET = 512 * KIB

const reading = (): PluginInstance => ({
  access: (request) => request.readBody().then(() => undefined),
})

async function startReading(t: TestContext): Promise<WorkerRig> {
  const rig = await startRig(t, undefined, {}, [], BUDGET)
  rig.route('read', reading)
  rig.route('pass', () => ({}))
  return rig
}

/** An upload that stops before its last byte. */
async function upload(rig: WorkerRig, bytes: number, framing: string): Promise<RawClient> {
  const client = await rig.client()
  client.send(`POST /read/ HTTP/1.1\r\nHost: a\r\n${framing}\r\n`)
  client.send('x'.repeat(bytes))
  return client
}

const counted = (bytes: number) => `Content-Length: ${bytes}\r\n`
const shed = ({ stats }: WorkerRig) => stats.report(0, 0, 0).shed['body-memory'] ?? 0
const statusOf = (received: string) => Number(received.slice(9, 12))

suite('bodies in memory', () => {
  test('of very many slow uploads are bounded, and others go on', async (t) => {
    const rig = await startReading(t)
    let most = 0
    const clients: RawClient[] = []
    for (let i = 0; i < 60; i++) {
      clients.push(await upload(rig, 40 * KIB, counted(40 * KIB + 1)))
      most = Math.max(most, rig.budget.heldBytes)
    }
    const answered = () => clients.filter(({ received }) => received !== '')
    await until(() => shed(rig) > 40 && answered().length === shed(rig))
    assert.ok(most <= BUDGET, `${most}`)
    const refused = answered()
    for (const { received } of refused) {
      assert.equal(statusOf(received), 503)
      assert.match(received, /\r\nretry-after: 1\r\n/i)
    }
    // Neither small bodies nor those that nobody holds have to wait.
    const small =
      'POST /read/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab'
    assert.equal(statusOf(await rig.talk(small)), 200)
    assert.equal(statusOf(await rig.get('/pass/')), 200)

    const [first, ...others] = clients.filter(({ received }) => received === '')
    first?.send('y')
    assert.equal(statusOf((await first?.until((text) => text !== '')) ?? ''), 200)
    for (const { socket } of others) socket.destroy()
    await until(() => rig.budget.heldBytes === 0)
    assert.equal(statusOf(await rig.talk(small)), 200)
    assert.deepEqual(rig.errors, [])
  })

  test('are given back however a request ends', async (t) => {
    const rig = await startReading(t)
    rig.route('answer', () => ({
      access: (request) => request.readBody().then(() => ({ status: 418 })),
    }))
    rig.route('throw', () => ({
      access: (request) =>
        request.readBody().then(() => {
          throw new Error('broken')
        }),
    }))
    for (const id of ['read', 'answer', 'throw']) {
      const head = `POST /${id}/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n`
      for (const rest of [
        `${counted(20)}\r\n12345678901234567890`,
        // Cut short, broken, too large.
        `${counted(20)}\r\n1234567890`,
        'Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\nz',
        `Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n${(100 * KIB).toString(16)}\r\n${'x'.repeat(100 * KIB)}`,
      ]) {
        await rig.talk(head + rest, { halfClose: true })
        await until(() => rig.budget.heldBytes === 0)
      }
    }
    assert.equal(shed(rig), 0)
  })

  test('of answers count too: one that there is no memory for is cut', async (t) => {
    const open: ServerResponse[] = []
    const listener: RequestListener = (_request, response) => {
      response.write('x'.repeat(300 * KIB))
      open.push(response)
    }
    const rig = await startRig(t, listener, {}, [responseRewrite], BUDGET)
    const filters = [{ regex: 'x+', replace: 'y' }]
    rig.route('filter', () => ({}), { plugins: { 'response-rewrite': { filters } } })
    // A head, and no last chunk.
    assert.match(await rig.get('/filter/'), /^HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)+\r\n$/)
    open[0]?.destroy()
    await until(() => rig.budget.heldBytes === 0)

    const whole = await startRig(t, undefined, {}, [responseRewrite], BUDGET)
    whole.route('filter', () => ({}), { plugins: { 'response-rewrite': { filters } } })
    assert.equal(statusOf(await whole.get('/filter/')), 200)
    assert.equal(whole.budget.heldBytes, 0)
  })

  test('are not taken for a request that is over', async (t) => {
    const rig = await startReading(t)
    let late: (() => boolean) | undefined
    rig.route('late', () => ({
      access(request) {
        late = () => request.holdMemory(10)
        return undefined
      },
    }))
    await rig.get('/late/')
    assert.equal(late?.(), false)
    assert.equal(rig.budget.heldBytes, 0)
  })
})
