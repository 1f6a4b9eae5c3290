import type { FastifyInstance } from 'fastify'

/** Whether this control plane can answer reads, and from what; `revision` is what its memory holds. */
export type Readiness =
  | { ready: true; source: 'database' | 'memory'; revision: number; reason?: string }
  | { ready: false; reason: string }

/** Liveness and readiness, for probes: no key needed. */
export function addStatusRoutes(app: FastifyInstance, readiness: () => Readiness): void {
  app.get('/status', async () => ({ status: 'ok' }))
  app.get('/status/ready', async (_, reply) => {
    const { ready, ...rest } = readiness()
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready', ...rest })
  })
}
