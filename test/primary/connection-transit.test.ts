import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { suite, test } from 'node:test'
import type { PrimaryMessage } from '../../src/model/ipc.ts'
import { ConnectionTransit } from '../../src/primary/connection-transit.ts'

function createTransit() {
  const sent: PrimaryMessage[] = []
  const lost: Socket[] = []
  const transit = new ConnectionTransit({
    send: (message) => sent.push(message),
    onLost: (sockets) => lost.push(...sockets),
  })
  const closed: number[] = []
  const sockets = Array.from(
    { length: 10 },
    (_, n) => ({ n, destroy: () => closed.push(n) }) as unknown as Socket,
  )
  const types = () => sent.map(({ type }) => type)
  return { transit, sent, lost, closed, sockets, types }
}

suite('ConnectionTransit', () => {
  test('sends few ahead, so that other messages are not held up', () => {
    const { transit, sent, closed, sockets } = createTransit()
    for (const socket of sockets) transit.add(socket)
    assert.equal(sent.length, 4)
    assert.equal(transit.size, 10)
    transit.accepted({ type: 'accepted', ids: [1, 2], late: [] })
    assert.equal(sent.length, 6)
    assert.deepEqual(closed, [0, 1])
    transit.flush()
    assert.equal(sent.length, 10)
  })

  test('takes back what waits, and what was sent but never accepted', () => {
    const { transit, sockets } = createTransit()
    for (const socket of sockets) transit.add(socket)
    assert.deepEqual(transit.takeWaiting(60_000), [])
    assert.deepEqual(transit.takeSent(60_000), [])
    assert.deepEqual(transit.takeWaiting(), sockets.slice(4))
    assert.deepEqual(transit.takeSent(), sockets.slice(0, 4))
    assert.equal(transit.size, 0)
  })

  test('grants a late connection unless another worker has it', () => {
    const { transit, sent, closed, sockets } = createTransit()
    for (const socket of sockets.slice(0, 2)) transit.add(socket)
    transit.takeSent()
    transit.add(sockets[2] as Socket)
    transit.accepted({ type: 'accepted', ids: [1, 2, 3], late: [] })
    assert.deepEqual(closed, [2])
    transit.accepted({ type: 'accepted', ids: [], late: [1, 2, 3] })
    assert.deepEqual(sent.at(-1), { type: 'late', granted: [3], refused: [1, 2] })
  })

  test('gives up what did not arrive, with all that waits behind it', () => {
    const { transit, lost, sockets, types } = createTransit()
    for (const socket of sockets.slice(0, 6)) transit.add(socket)
    assert.equal(transit.spared, false)
    transit.settled(4)
    assert.deepEqual(lost, sockets.slice(0, 6))
    assert.equal(transit.spared, true)
    // In doubt, it asks about each at once, until one is accepted.
    transit.add(sockets[6] as Socket)
    assert.deepEqual(types().slice(4), ['connection', 'sent'])
    transit.accepted({ type: 'accepted', ids: [5], late: [] })
    transit.settled(5)
    transit.add(sockets[7] as Socket)
    assert.deepEqual(types().slice(6), ['connection'])
  })
})
