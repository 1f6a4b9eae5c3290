import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { StoreError } from '../../model/errors.ts'
import type { ConfigRepository } from '../../store/config-repository.ts'
import type { RevisionLog } from '../../store/revision-log.ts'
import { type Answer, refusal } from '../answer.ts'
import { ADMIN_ACTOR, type KeyCheck } from '../auth.ts'
import { parseGroup } from '../group-query.ts'
import { requireKey } from '../require-key.ts'
import { ConvergenceWatch } from './convergence-watch.ts'
import { createFleet, type Fleet, type FleetOptions } from './fleet.ts'
import { listInstances, showOneInstance } from './instances.ts'
import { restoreRevision } from './restore.ts'
import { listRevisions, parseRevision, showConvergence, showRevision } from './revisions.ts'
import { answerWhenServed, parseWait } from './wait-query.ts'

const PREFIX = '/holdfast/v1'

/** What these routes read from, beside the configuration itself. */
export interface FleetParts {
  fleet: Fleet
  history: RevisionLog
  watch: ConvergenceWatch
}

/** Everything about instances and revisions, over one database. */
export function createFleetParts(options: FleetOptions): FleetParts {
  const { history } = options
  const fleet = createFleet(options)
  return { fleet, history, watch: new ConvergenceWatch({ fleet, history }) }
}

interface HoldfastDeps extends FleetParts {
  repository: Pick<ConfigRepository, 'write'>
  log: Logger
  onWritten?: ((group: string) => void) | undefined
}

interface Call {
  group: string
  query: Record<string, unknown>
  /** Of the URL. */
  name: string
}

/** Serves what APISIX has no name for: instances, revisions and their convergence. */
export function addHoldfastRoutes(
  app: FastifyInstance,
  deps: HoldfastDeps,
  checkKey: KeyCheck,
): void {
  const { fleet, history } = deps
  app.register((api, _, done) => {
    requireKey(api, checkKey)
    const get = (path: string, work: (call: Call) => Promise<Answer>) =>
      api.get(`${PREFIX}${path}`, (request, reply) => run(request, reply, work))

    get('/instances', ({ group, query }) => listInstances(fleet, group, query))
    get('/instances/:name', ({ group, name }) => showOneInstance(fleet, group, name))
    get('/revisions', ({ group, query }) => listRevisions(history, group, query))
    get('/revisions/:name', (call) =>
      ofRevision(call, (n) => showRevision(history, call.group, n, call.query)),
    )
    get('/revisions/:name/convergence', (call) =>
      ofRevision(call, (n) => showConvergence(deps, call.group, n)),
    )
    api.post(`${PREFIX}/revisions/:name/restore`, (request, reply) =>
      run(request, reply, (call) => ofRevision(call, (n) => restore(deps, call, n))),
    )
    // The key is asked for under the whole prefix, also where there is nothing.
    api.all(`${PREFIX}/*`, async (_request, reply) => send(reply, refusal(404, 'not found')))
    done()
  })
}

async function run(
  request: FastifyRequest,
  reply: FastifyReply,
  work: (call: Call) => Promise<Answer>,
): Promise<FastifyReply> {
  const query = request.query as Record<string, unknown>
  const { name = '' } = request.params as { name?: string }
  const parsed = parseGroup(query)
  if (!parsed.ok) return send(reply, refusal(400, parsed.reason))
  return send(reply, await work({ group: parsed.group, query, name }).catch(answerFailure))
}

async function ofRevision(
  { name }: Call,
  work: (revision: number) => Promise<Answer>,
): Promise<Answer> {
  const revision = parseRevision(name)
  return revision === undefined ? refusal(404, `no revision ${name}`) : work(revision)
}

async function restore(deps: HoldfastDeps, call: Call, revision: number): Promise<Answer> {
  const waiting = parseWait(call.query)
  if (!waiting.ok) return refusal(400, waiting.reason)
  const answer = await restoreRevision(deps, { group: call.group, actor: ADMIN_ACTOR, revision })
  return answerWhenServed(answer, call.group, waiting.wait, deps.watch)
}

function answerFailure(error: unknown): Answer {
  if (error instanceof StoreError) return refusal(503, error.message)
  throw error
}

function send(reply: FastifyReply, { status, body, headers = {} }: Answer): FastifyReply {
  return reply.code(status).headers(headers).send(body)
}
