import type { FastifyInstance } from 'fastify'
import type { KeyCheck } from './auth.ts'

/** Every request to these routes needs the key, even one that leads nowhere. */
export function requireKey(app: FastifyInstance, checkKey: KeyCheck): void {
  app.addHook('onRequest', async (request, reply) => {
    const query = request.query as Record<string, unknown>
    const header = request.headers['x-api-key']
    const problem = checkKey({ header, query: query['api_key'] })
    if (problem === undefined) return undefined
    return reply.code(401).send({ error_msg: 'failed to check token', description: problem })
  })
}
