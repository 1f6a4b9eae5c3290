import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { Acceptor, type ConnectionTaker } from '../../src/primary/acceptor.ts'

const REFUSAL = /^HTTP\/1\.1 503 .*\r\nretry-after: 1\r\n/s

/** A worker that answers each connection with its name; `serving` can be switched. */
function createTaker(name: string, serving = true): ConnectionTaker & { serving: boolean } {
  return {
    serving,
    inTransit: 0,
    spared: false,
    sendConnection: (socket: Socket) => void socket.end(name),
  }
}

async function startAcceptor(t: TestContext, takers: ConnectionTaker[]) {
  const acceptor = new Acceptor(() => takers, pino({ level: 'silent' }))
  await acceptor.listen([{ host: '127.0.0.1', port: 0 }])
  t.after(() => acceptor.close())
  const [{ port } = { port: 0 }] = acceptor.addresses
  return { acceptor, port }
}

/** What the taker that gets a new connection answers. */
async function answerOf(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

suite('Acceptor', () => {
  test('hands connections to the serving takers in turn', async (t) => {
    const { port } = await startAcceptor(t, [
      createTaker('a'),
      createTaker('x', false),
      createTaker('b'),
    ])
    const answers: string[] = []
    for (let n = 0; n < 4; n++) answers.push(await answerOf(port))
    assert.deepEqual(answers, ['a', 'b', 'a', 'b'])
  })

  test('lets connections wait while no taker serves', async (t) => {
    const taker = createTaker('late', false)
    const { acceptor, port } = await startAcceptor(t, [taker])
    const early = connect(port, '127.0.0.1')
    await once(early, 'connect')
    const answer = answerOf(port)
    // A third connection is dispatched after the two: when it is in, they are waiting.
    const last = connect(port, '127.0.0.1')
    await once(last, 'connect')
    taker.serving = true
    const poll = setInterval(() => acceptor.releaseWaiting(), 5)
    t.after(() => clearInterval(poll))
    assert.equal(await answer, 'late')
    early.destroy()
    last.destroy()
  })

  test('passes over a taker that has too many on their way, and refuses with 503 if all have', async (t) => {
    const [free, flooded] = [createTaker('free'), { ...createTaker('x'), inTransit: 512 }]
    const { port } = await startAcceptor(t, [flooded, free])
    assert.deepEqual([await answerOf(port), await answerOf(port)], ['free', 'free'])
    const { port: floodedPort } = await startAcceptor(t, [flooded])
    assert.match(await answerOf(floodedPort), REFUSAL)
  })

  test('refuses with 503 what has waited for too long, and what still waits at the end', async (t) => {
    const { acceptor, port } = await startAcceptor(t, [createTaker('never', false)])
    const start = performance.now()
    const now = t.mock.method(performance, 'now', () => start)
    const [server] = acceptor.servers
    assert.ok(server)
    const arrived = once(server, 'connection')
    const stale = answerOf(port)
    await arrived
    now.mock.mockImplementation(() => start + 5_001)
    const waiting = answerOf(port)
    assert.match(await stale, REFUSAL)
    acceptor.close()
    assert.match(await waiting, REFUSAL)
    assert.equal(acceptor.refused, 2)
  })

  test('opens all addresses or none', async (t) => {
    const { port } = await startAcceptor(t, [])
    const second = new Acceptor(() => [], pino({ level: 'silent' }))
    const addresses = [
      { host: '127.0.0.1', port: 0 },
      { host: '127.0.0.1', port },
    ]
    await assert.rejects(second.listen(addresses), { code: 'EADDRINUSE' })
    assert.deepEqual(second.addresses, [])
  })
})
