import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { NODE_CERT, NODE_KEY } from './node-certificate.ts'

export interface VaultServer {
  readonly uri: string
  /** What it holds: fields by path under /v1, such as `kv/jack`; of version 2, `secret/data/jack`. */
  readonly secrets: Map<string, Record<string, unknown>>
  /** The token that it takes. */
  token: string
  /** The namespace that requests must name. */
  namespace: string | undefined
  /** What it does instead of answering: nothing at all, or an answer with this status. */
  fault: 'silence' | number | undefined
  /** How often it was asked. */
  readonly reads: number
  /** Closes the port; connections are refused from then on. */
  stop(): Promise<void>
  /** Listens again on the same port. */
  start(): Promise<void>
}

type Reply = [status: number, content: object]

/**
 * Speaks as much of Vault's HTTP API as reading secrets of a key-value engine takes; with `tls` over
 * https, with a certificate for 127.0.0.1 that it signed itself.
 */
export async function startVault(t: TestContext, { tls = false } = {}): Promise<VaultServer> {
  const secrets = new Map<string, Record<string, unknown>>()
  let reads = 0
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    reads++
    answer(vault, request, response)
  }
  const server = tls
    ? createTlsServer({ key: NODE_KEY, cert: NODE_CERT }, onRequest)
    : createServer(onRequest)
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  const stop = async () => {
    if (!server.listening) return
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  await listen(0)
  const { port } = server.address() as AddressInfo
  t.after(stop)
  const vault: VaultServer = {
    uri: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    secrets,
    token: 'root',
    namespace: undefined,
    fault: undefined,
    get reads() {
      return reads
    },
    stop,
    start: () => listen(port),
  }
  return vault
}

function answer(vault: VaultServer, request: IncomingMessage, response: ServerResponse): void {
  if (vault.fault === 'silence') return
  const [status, content] = reply(vault, request)
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(content))
}

function reply(vault: VaultServer, { headers, method, url = '' }: IncomingMessage): Reply {
  if (typeof vault.fault === 'number') return [vault.fault, { errors: ['Vault is sealed'] }]
  if (method !== 'GET') return [405, { errors: ['unsupported operation'] }]
  if (headers['x-vault-token'] !== vault.token) return [403, { errors: ['permission denied'] }]
  if (headers['x-vault-namespace'] !== vault.namespace) return [400, { errors: ['no namespace'] }]
  const path = decodeURIComponent(url.replace(/^\/v1\//, ''))
  const fields = vault.secrets.get(path)
  if (fields === undefined) return [404, { errors: [] }]
  const metadata = { version: 1, created_time: '2026-01-01T00:00:00Z', deletion_time: '' }
  const data = path.includes('/data/') ? { data: fields, metadata } : fields
  return [200, { request_id: 'r', lease_id: '', lease_duration: 2764800, data }]
}
