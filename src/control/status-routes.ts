import type { FastifyInstance } from 'fastify'
import type { ExporterState } from '../fallback/exporter.ts'

/** Whether this control plane can answer reads, and from what; `revision` is what its memory holds. */
export type Readiness =
  | { ready: true; source: 'database' | 'memory'; revision: number; reason?: string }
  | { ready: false; reason: string }

/** Liveness and readiness, for probes: no key needed. */
export function addStatusRoutes(
  app: FastifyInstance,
  readiness: () => Readiness,
  fallback: () => ExporterState | undefined = () => undefined,
): void {
  app.get('/status', async () => {
    const state = fallback()
    return { status: 'ok', ...(state && { fallback: state }) }
  })
  app.get('/status/ready', async (_, reply) => {
    const { ready, ...rest } = readiness()
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready', ...rest })
  })
}
