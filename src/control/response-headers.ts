import type { FastifyInstance, FastifyReply } from 'fastify'
import type { AdminApiSettings } from '../settings/admin-api-settings.ts'

const MAX_AGE_SECONDS = '3600'

/** Adds what every answer has: the server's name, and what lets browsers call the Admin API (CORS). */
export function addResponseHeaders(
  app: FastifyInstance,
  { corsOrigins, serverHeader }: Pick<AdminApiSettings, 'corsOrigins' | 'serverHeader'>,
): void {
  app.addHook('onRequest', async (request, reply) => {
    if (serverHeader !== undefined) reply.header('server', serverHeader)
    if (corsOrigins === undefined) return undefined
    const origin = allowedOrigin(corsOrigins, request.headers.origin)
    allowOrigin(reply, origin, corsOrigins !== '*')
    // A browser asks before it sends the key: this can need none.
    if (request.method !== 'OPTIONS') return undefined
    reply.headers({
      'access-control-allow-methods': 'POST, GET, PUT, OPTIONS, DELETE, PATCH',
      'access-control-allow-headers': '*',
    })
    return reply.code(200).type('text/plain').send('')
  })
}

function allowedOrigin(
  origins: '*' | readonly string[],
  origin: string | undefined,
): string | undefined {
  if (origins === '*') return '*'
  return origins.find((candidate) => candidate === origin)
}

/** No Allow-Credentials: the key is in a header that the page sets, never in a cookie. */
function allowOrigin(reply: FastifyReply, origin: string | undefined, varies: boolean): void {
  if (varies) reply.header('vary', 'Origin')
  if (origin === undefined) return
  reply.headers({
    'access-control-allow-origin': origin,
    'access-control-expose-headers': '*',
    'access-control-max-age': MAX_AGE_SECONDS,
  })
}
