import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from '../support/node-http.ts'
import type { ListenAddress } from './acceptor.ts'

/** A small node:http server for operators, never for traffic. */
export interface HttpListener {
  readonly address: ListenAddress
  /** The listening socket, to be handed over. */
  readonly server: Server
  close(): void
}

/**
 * Opens the address, or takes over the listening socket `fd`.
 * @throws the system's error (EADDRINUSE, EACCES …).
 */
export function listenHttp(
  { host, port }: ListenAddress,
  fd: number | undefined,
  handler: RequestListener,
): Promise<HttpListener> {
  const server: Server = createServer(handler)
  // A probe a connection: none is idle, and cut, when the server closes.
  server.maxRequestsPerSocket = 1
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(fd === undefined ? { host, port } : { fd }, () => {
      server.off('error', reject)
      const bound = server.address() as AddressInfo
      resolve({
        address: { host: bound.address, port: bound.port },
        server,
        close() {
          server.close()
          server.closeIdleConnections()
        },
      })
    })
  })
}
