import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { suite, test } from 'node:test'
import { createTestDatabase } from '../helpers/postgres.ts'
import { startControl, startGateway, startStack, until } from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'
import { startNode } from '../helpers/upstream-node.ts'

const CONNECTIONS = 100

suite('listeners', () => {
  test('spread connections over the workers within 25 %', async (t) => {
    const { gateway } = await startStack(t, { workers: 3 })
    const { hostname, port } = new URL(gateway.url)
    const sockets: Socket[] = []
    t.after(() => {
      for (const socket of sockets) socket.destroy()
    })
    for (let n = 0; n < CONNECTIONS; n++) sockets.push(connect(Number(port), hostname))
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    const counts = async (): Promise<number[]> =>
      (await gateway.sync()).workers.map((w: { connections: number }) => w.connections)
    await until(async () => (await counts()).reduce((sum, n) => sum + n, 0) >= CONNECTIONS)
    const fair = CONNECTIONS / 3
    for (const count of await counts()) {
      assert.ok(Math.abs(count - fair) <= fair / 4, `${await counts()}`)
    }
  })

  test('sockets passed by socket activation outlive the gateway: a restart refuses nothing', async (t) => {
    const { url: databaseUrl } = await createTestDatabase(t)
    const control = await startControl(t, databaseUrl)
    const node = await startNode(t)
    const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
    await control.admin('PUT', '/routes/1', { uri: '/*', upstream })

    // What systemd does: it holds the socket, the service gets it as descriptor 3.
    const activation = bindSocket()
    t.after(() => activation.close())
    const { fd } = activation
    const options = { databaseUrl, inherit: [fd], env: { LISTEN_FDS: '1' } }
    const first = await startGateway(t, options)
    await until(async () => (await fetch(first.url)).ok)

    const load = startLoad(first.url)
    const second = await startGateway(t, { ...options, dataDir: first.dataDir })
    assert.equal(second.url, first.url)
    first.child.kill('SIGTERM')
    assert.equal(await first.exited, 0)
    const { sent, failures } = await load.stop()
    t.diagnostic(`${sent} requests over the change of processes, ${failures.length} failed`)
    assert.deepEqual(failures, [])
  })
})

interface BoundSocket {
  readonly fd: number
  close(): void
}

/** A bound socket that this process never accepts from: a net.Server would, as soon as it listens. */
function bindSocket(): BoundSocket {
  const { TCP, constants } = (
    process as unknown as {
      binding(name: string): {
        TCP: new (type: number) => BoundSocket & { bind(host: string, port: number): number }
        constants: { SERVER: number }
      }
    }
  ).binding('tcp_wrap')
  const socket = new TCP(constants.SERVER)
  assert.equal(socket.bind('127.0.0.1', 0), 0)
  return socket
}
