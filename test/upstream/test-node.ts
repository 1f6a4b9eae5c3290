import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** A node that does with each connection whatever a test wants. */
export interface TestNode {
  readonly port: number
  /** Connections accepted so far, oldest first. */
  readonly sockets: Socket[]
  /** Bytes received so far on each, as latin1. */
  readonly received: string[]
  readonly server: Server
  /** Resolves when some connection's bytes fit. */
  until(fits: (received: string) => boolean): Promise<void>
  close(): Promise<void>
}

/** Calls `onBytes` whenever bytes arrive, with all of the connection so far, and on each connect with ''. */
export async function startNode(
  t: TestContext,
  onBytes: (socket: Socket, received: string, connection: number) => void,
): Promise<TestNode> {
  const sockets: Socket[] = []
  const received: string[] = []
  const waiting = new Set<() => void>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = sockets.push(socket) - 1
    received.push('')
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    socket.on('data', (chunk) => {
      received[connection] += chunk.toString('latin1')
      onBytes(socket, received[connection] ?? '', connection)
      for (const check of waiting) check()
    })
    onBytes(socket, '', connection)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }
  t.after(close)
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    received,
    server,
    close,
    until(fits) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const check = () => {
        if (!received.some(fits)) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
      return promise
    },
  }
}

/** A node that answers every request (head and any body with Content-Length) with the same bytes. */
export function answering(t: TestContext, response: string): Promise<TestNode> {
  const answered = new Map<Socket, number>()
  return startNode(t, (socket, received) => {
    const count = countRequests(received)
    for (let i = answered.get(socket) ?? 0; i < count; i++) socket.write(response, 'latin1')
    answered.set(socket, count)
  })
}

/** How many complete requests these bytes are. */
export function countRequests(received: string): number {
  let count = 0
  let rest = received
  while (true) {
    const end = rest.indexOf('\r\n\r\n')
    if (end === -1) return count
    const length = Number(/content-length: (\d+)/i.exec(rest.slice(0, end))?.[1] ?? 0)
    if (rest.length < end + 4 + length) return count
    rest = rest.slice(end + 4 + length)
    count++
  }
}

export function ok(body: string, fields = ''): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${fields}\r\n${body}`
}
