import type { Socket } from 'node:net'
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import type { Logger } from 'pino'

/** As APISIX's: of a request about one object. */
export const MAX_BODY_BYTES = 1.5 * 1024 * 1024
/** Of a request about many. */
export const LARGE_BODY_BYTES = 64 * 1024 * 1024
const MAX_URL_LENGTH = 8192
/** A whole request, however slowly it is sent. */
const REQUEST_TIMEOUT_MS = 30_000
const KEEP_ALIVE_TIMEOUT_MS = 65_000

/** A Fastify instance without routes, which answers everything wrong with `{"error_msg": …}`. */
export function createHttpServer(log: Logger): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, _, reply) => {
      void (reply as FastifyReply).code(error.statusCode ?? 400).send({ error_msg: error.message })
    },
  })
  // Whatever the Content-Type says: it is JSON or it is refused (request-body.ts).
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body))
  app.addHook('onRequest', async (request, reply) => {
    // A Content-Type that is none would be refused before the parser is asked.
    delete request.raw.headers['content-type']
    if (request.url.length <= MAX_URL_LENGTH) return undefined
    return reply
      .code(414)
      .send({ error_msg: `the URL is longer than ${MAX_URL_LENGTH} characters` })
  })
  app.setNotFoundHandler((_, reply) => reply.code(404).send({ error_msg: '404 Route Not Found' }))
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const status = error.statusCode ?? 500
    if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return refuseSize(request, reply)
    if (status < 500) return reply.code(status).send({ error_msg: describe(error) })
    log.error({ err: error, method: request.method }, 'request failed')
    return reply.code(500).send({ error_msg: 'internal error' })
  })
  return app
}

function describe(error: FastifyError): string {
  return error.code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH'
    ? 'invalid request body: its size differs from Content-Length'
    : error.message
}

/** 400 where APISIX's clients expect it. */
function refuseSize(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const limit = request.routeOptions.bodyLimit ?? MAX_BODY_BYTES
  const length = request.headers['content-length']
  const size = length === undefined ? 'it' : `request size ${length}`
  const reason = `${size} is greater than the maximum size ${limit} allowed`
  return reply
    .code(request.url.startsWith('/apisix/') ? 400 : 413)
    .send({ error_msg: `invalid request body: ${reason}` })
}

const PARSER_ERRORS: Record<string, [string, string]> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'the URL or the headers are too long',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request was not sent in time'],
}

/** What is no HTTP request never reaches Fastify's routes. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const [status, reason] = PARSER_ERRORS[error.code ?? ''] ?? [
    '400 Bad Request',
    'not a valid HTTP request',
  ]
  const body = JSON.stringify({ error_msg: reason })
  const head = [
    `HTTP/1.1 ${status}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  if (socket.writable) socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  socket.destroy()
}
