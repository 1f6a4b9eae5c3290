import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ListenAddress } from './acceptor.ts'
import { type HttpListener, listenHttp } from './http-listener.ts'
import { notReadyReason, type StatusParts, syncStatus } from './status.ts'

/** Serves `/status` (live), `/status/ready` and `/status/sync`; all from memory. */
export function startStatusServer(
  address: ListenAddress,
  parts: StatusParts,
): Promise<HttpListener> {
  return listenHttp(address, (request, response) => handle(request, response, parts))
}

function handle(request: IncomingMessage, response: ServerResponse, parts: StatusParts): void {
  const { status, body } = reply(request, parts)
  const text = `${JSON.stringify(body)}\n`
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(text),
    ...(status === 405 && { allow: 'GET, HEAD' }),
  })
  response.end(text)
}

function reply(request: IncomingMessage, parts: StatusParts): { status: number; body: object } {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, body: { error_msg: 'only GET and HEAD are allowed' } }
  }
  switch (request.url?.replace(/\?.*$/, '')) {
    case '/status':
      return { status: 200, body: { status: 'ok' } }
    case '/status/ready': {
      const error = notReadyReason(parts)
      if (error === undefined) return { status: 200, body: { status: 'ok' } }
      return { status: 503, body: { status: 'error', error } }
    }
    case '/status/sync':
      return { status: 200, body: syncStatus(parts) }
    default:
      return { status: 404, body: { error_msg: '404 Not Found' } }
  }
}
