import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ListenAddress } from './acceptor.ts'

/** A small node:http server for operators, never for traffic. */
export interface HttpListener {
  readonly address: ListenAddress
  close(): void
}

/** Opens the address. @throws the system's error (EADDRINUSE, EACCES …). */
export function listenHttp(
  { host, port }: ListenAddress,
  handler: RequestListener,
): Promise<HttpListener> {
  const server: Server = createServer(handler)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      const bound = server.address() as AddressInfo
      resolve({
        address: { host: bound.address, port: bound.port },
        close() {
          server.close()
          server.closeIdleConnections()
        },
      })
    })
  })
}
