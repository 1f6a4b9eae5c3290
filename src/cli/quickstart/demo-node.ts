import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { writeFileAtomic } from '../../support/atomic-file.ts'

const HOST = '127.0.0.1'
const FAVOURITE_PORT = 9280

export interface DemoNode {
  port: number
  stop(): void
}

/**
 * Starts a small HTTP server on the loopback address, so that a first route has a node without
 * any network. It keeps its port over restarts, as routes point to it, unless that is taken.
 */
export async function startDemoNode(dataDir: string): Promise<DemoNode> {
  const path = join(dataDir, 'demo-node-port')
  const kept = Number(await readFile(path, 'utf8').catch(() => '0'))
  const server = (await tryListen(kept)) ?? (await tryListen(FAVOURITE_PORT)) ?? (await listen(0))
  const { port } = server.address() as AddressInfo
  if (port !== kept) await writeFileAtomic(path, `${port}\n`)
  return {
    port,
    stop() {
      server.close()
      server.closeAllConnections()
    },
  }
}

const answer: RequestListener = (request, response) => {
  const { method, url, headers } = request
  request.resume()
  response.setHeader('content-type', 'application/json')
  response.end(`${JSON.stringify({ hello: 'from the demo node', method, path: url, headers })}\n`)
}

async function listen(port: number): Promise<Server> {
  const server = createServer(answer)
  server.listen({ host: HOST, port })
  await once(server, 'listening')
  return server
}

async function tryListen(port: number): Promise<Server | undefined> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return undefined
  return listen(port).catch(() => undefined)
}
