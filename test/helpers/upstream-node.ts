import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

/** An HTTP server that plays a node of an upstream. */
export interface UpstreamNode {
  readonly port: number
  /** `127.0.0.1:port`, as it stands in a node map. */
  readonly address: string
  /** Requests answered so far. */
  readonly requests: () => number
  close(): Promise<void>
}

/** Starts a node on a free port; it answers 200 `{"node": name}` unless told otherwise. */
export async function startNode(
  t: TestContext,
  name = 'node',
  handler?: RequestListener,
): Promise<UpstreamNode> {
  let requests = 0
  const server: Server = createServer((request, response) => {
    requests += 1
    if (handler !== undefined) return handler(request, response)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ node: name, method: request.method, url: request.url }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  async function close(): Promise<void> {
    if (!server.listening) return
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  t.after(close)
  return { port, address: `127.0.0.1:${port}`, requests: () => requests, close }
}
