import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { KeyCheck } from './auth.ts'

const actors = new WeakMap<FastifyRequest, string>()

/** Every request to these routes needs a key, even one that leads nowhere; but not to `open`. */
export function requireKey(
  app: FastifyInstance,
  checkKey: KeyCheck,
  isOpen: (request: FastifyRequest) => boolean = () => false,
): void {
  app.addHook('onRequest', async (request, reply) => {
    if (isOpen(request)) return undefined
    const query = request.query as Record<string, unknown>
    const header = request.headers['x-api-key']
    const verdict = checkKey({ header, query: query['api_key'], method: request.method })
    if (!verdict.ok) {
      const description = verdict.reason
      return reply.code(401).send({ error_msg: 'failed to check token', description })
    }
    actors.set(request, verdict.actor)
    return undefined
  })
}

/** Name of the key that a request was sent with. */
export function actorOf(request: FastifyRequest): string {
  return actors.get(request) ?? 'unknown'
}
