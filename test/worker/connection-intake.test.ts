import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, Socket } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { MAX_HAND_OVER_MS, type PrimaryMessage, type WorkerMessage } from '../../src/model/ipc.ts'
import { ConnectionTransit } from '../../src/primary/connection-transit.ts'
import { monotonicMs } from '../../src/support/monotonic.ts'
import { ConnectionIntake } from '../../src/worker/connection-intake.ts'

const REQUEST = 'GET / HTTP/1.1\r\n\r\n'

/** A connection as the channel delivers it: reading has begun, nobody listens yet. */
async function connected(t: TestContext) {
  const server = createServer({ pauseOnConnect: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const arrival = once(server, 'connection')
  const client = connect(port, '127.0.0.1').on('error', () => {})
  const [accepted] = await arrival
  const socket = new Socket({ handle: accepted._handle })
  t.after(() => {
    client.destroy()
    socket.destroy()
    server.close()
  })
  return { client, socket }
}

/** What a worker does with connections that come `ageMs` after they were sent. */
function createIntake(send: (message: WorkerMessage) => void) {
  const taken: Socket[] = []
  const intake = new ConnectionIntake(
    (socket) => void taken.push(socket),
    send,
    () => {},
  )
  const receive = (id: number, socket: Socket, ageMs = 0) =>
    intake.receive(socket, { type: 'connection', id, sentAtMs: monotonicMs() - ageMs })
  return { intake, taken, receive }
}

function stopFor(ms: number): void {
  const end = monotonicMs() + ms
  while (monotonicMs() < end);
}

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve))
}

suite('ConnectionIntake', () => {
  test('accepts together what came in one turn, then takes it', async (t) => {
    const sent: WorkerMessage[] = []
    const { taken, receive } = createIntake((message) => sent.push(message))
    const sockets = [(await connected(t)).socket, (await connected(t)).socket]
    for (const [n, socket] of sockets.entries()) receive(n + 1, socket)
    await turns(1)
    assert.deepEqual(sent, [{ type: 'accepted', ids: [1, 2], late: [] }])
    assert.deepEqual(taken, sockets)
  })

  test('takes what it has accepted, however long it is stopped right then', async (t) => {
    for (const ms of [150, MAX_HAND_OVER_MS + 50]) {
      const { socket } = await connected(t)
      const { transit, ours, taken } = createBothEnds(socket, (deliver) => {
        deliver()
        stopFor(ms)
      })
      transit.add(ours)
      await turns(3)
      assert.deepEqual(taken, [socket], `stopped for ${ms} ms`)
    }
  })

  test('closes what another worker got while it was stopped', async (t) => {
    const { socket } = await connected(t)
    const { transit, ours, taken } = createBothEnds(socket, (deliver) => {
      stopFor(MAX_HAND_OVER_MS + 50)
      assert.deepEqual(transit.takeSent(MAX_HAND_OVER_MS), [ours])
      deliver()
    })
    transit.add(ours)
    await turns(3)
    assert.deepEqual(taken, [])
    assert.ok(socket.destroyed)
  })

  test('reads nothing from a late one until it is granted', async (t) => {
    const { client, socket } = await connected(t)
    const { intake, taken, receive } = createIntake(() => {})
    receive(1, socket, MAX_HAND_OVER_MS + 1)
    client.end(REQUEST)
    await once(client, 'finish')
    await turns(5)
    assert.deepEqual([socket.bytesRead, taken], [0, []])

    intake.settleLate({ granted: [1], refused: [] })
    assert.deepEqual(taken, [socket])
    const [chunk] = await once(socket, 'data')
    assert.equal(String(chunk), REQUEST)
  })

  test('is settled when no late one waits for an answer any more', async (t) => {
    const { intake, receive } = createIntake(() => {})
    await intake.whenSettled()
    for (const id of [1, 2, 3]) receive(id, (await connected(t)).socket, MAX_HAND_OVER_MS + 1)
    await turns(1)
    let settled = false
    const done = intake.whenSettled().then(() => {
      settled = true
    })
    intake.settleLate({ granted: [1], refused: [2] })
    await turns(1)
    assert.equal(settled, false)
    intake.abandon()
    await done
  })
})

/** The primary's end, which has `ours`, and the worker's; `send` delivers the worker's first message. */
function createBothEnds(socket: Socket, send: (deliver: () => void) => void) {
  const ours = { destroy: () => {} } as Socket
  let first = true
  const { intake, taken } = createIntake((message) => {
    const deliver = () => {
      if (message.type === 'accepted') transit.accepted(message)
    }
    if (first) send(deliver)
    else deliver()
    first = false
  })
  const toWorker = (message: PrimaryMessage) => {
    if (message.type === 'connection') intake.receive(socket, message)
    else if (message.type === 'late') intake.settleLate(message)
  }
  const transit = new ConnectionTransit({ send: toWorker, onLost: () => {} })
  return { transit, ours, taken }
}
