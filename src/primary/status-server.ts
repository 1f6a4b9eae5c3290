import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ListenAddress } from './acceptor.ts'
import { type HttpListener, listenHttp } from './http-listener.ts'
import { drainStatus, notReadyReason, type StatusParts, syncStatus } from './status.ts'

interface Reply {
  status: number
  body: object
}

type Method = 'GET' | 'POST' | 'DELETE'

type Endpoint = Partial<Record<Method, (parts: StatusParts) => Reply>>

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  '/status': { GET: () => ({ status: 200, body: { status: 'ok' } }) },
  '/status/ready': { GET: readiness },
  '/status/sync': { GET: (parts) => ({ status: 200, body: syncStatus(parts) }) },
  '/status/drain': {
    GET: (parts) => ({ status: 200, body: drainStatus(parts) }),
    POST(parts) {
      parts.drain.on('operator')
      return { status: 200, body: drainStatus(parts) }
    },
    DELETE(parts) {
      const status = parts.drain.off() ? 200 : 409
      return { status, body: drainStatus(parts) }
    },
  },
}

/**
 * Serves `/status` (live), `/status/ready`, `/status/sync` and `/status/drain`, all from memory; on
 * the listening socket `fd` if there is one.
 */
export function startStatusServer(
  address: ListenAddress,
  fd: number | undefined,
  parts: StatusParts,
): Promise<HttpListener> {
  return listenHttp(address, fd, (request, response) => handle(request, response, parts))
}

function handle(request: IncomingMessage, response: ServerResponse, parts: StatusParts): void {
  const { status, body } = reply(request, response, parts)
  const text = `${JSON.stringify(body)}\n`
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}

function reply(request: IncomingMessage, response: ServerResponse, parts: StatusParts): Reply {
  const path = request.url?.replace(/\?.*$/, '') ?? ''
  const endpoint = Object.hasOwn(ENDPOINTS, path) ? ENDPOINTS[path] : undefined
  if (endpoint === undefined) return { status: 404, body: { error_msg: '404 Not Found' } }
  const method = request.method === 'HEAD' ? 'GET' : (request.method as Method)
  const answer = Object.hasOwn(endpoint, method) ? endpoint[method] : undefined
  if (answer !== undefined) return answer(parts)
  const allowed = Object.keys(endpoint).join(', ')
  response.setHeader('allow', allowed)
  return { status: 405, body: { error_msg: `only ${allowed} are allowed` } }
}

function readiness(parts: StatusParts): Reply {
  const error = notReadyReason(parts)
  if (error === undefined) return { status: 200, body: { status: 'ok' } }
  return { status: 503, body: { status: 'error', error } }
}
