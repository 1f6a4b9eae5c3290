import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RevisionLog } from '../../store/revision-log.ts'
import { parseJsonInSlices } from '../../support/parse-json.ts'
import { type Answer, refusal } from '../answer.ts'
import type { KeyCheck } from '../auth.ts'
import type { ChangesDeps } from '../changes/apply-changes.ts'
import { parseGroup } from '../group-query.ts'
import { LARGE_BODY_BYTES, MAX_BODY_BYTES } from '../http-server.ts'
import { actorOf, requireKey } from '../require-key.ts'
import { answerFailure, sendAnswer } from '../send-answer.ts'
import { applyBulk } from './bulk.ts'
import { type ConfigDeps, showConfig } from './config.ts'
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

type HoldfastDeps = FleetParts & ChangesDeps & ConfigDeps

interface Call {
  group: string
  actor: string
  headers: FastifyRequest['headers']
  body: Buffer | undefined
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
    get('/config', ({ group, query, headers }) =>
      showConfig(deps, { group, query, ifNoneMatch: headers['if-none-match'] }),
    )
    api.post(`${PREFIX}/revisions/:name/restore`, (request, reply) =>
      run(request, reply, (call) => ofRevision(call, (n) => restore(deps, call, n))),
    )
    api.post(`${PREFIX}/bulk`, { bodyLimit: LARGE_BODY_BYTES }, (request, reply) =>
      run(request, reply, (call) => bulk(deps, call)),
    )
    // The key is asked for under the whole prefix, also where there is nothing.
    api.all(`${PREFIX}/*`, async (_request, reply) => sendAnswer(reply, refusal(404, 'not found')))
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
  if (!parsed.ok) return sendAnswer(reply, refusal(400, parsed.reason))
  const call = {
    ...{ group: parsed.group, actor: actorOf(request), headers: request.headers, query, name },
    body: request.body as Buffer | undefined,
  }
  return sendAnswer(reply, await work(call).catch(answerFailure))
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
  const answer = await restoreRevision(deps, { group: call.group, actor: call.actor, revision })
  return answerWhenServed(answer, call.group, waiting.wait, deps.watch)
}

async function bulk(deps: HoldfastDeps, call: Call): Promise<Answer> {
  const { group, actor, query, headers, body } = call
  const waiting = parseWait(query)
  if (!waiting.ok) return refusal(400, waiting.reason)
  const parsed = await parseLarge(body)
  if (!parsed.ok) return refusal(400, `invalid request body: ${parsed.reason}`)
  const ifMatch = headers['if-match']
  const answer = await applyBulk(deps, { group, actor, query, json: parsed.json, ifMatch })
  return answerWhenServed(answer, group, waiting.wait, deps.watch)
}

async function parseLarge(body: Buffer | undefined) {
  return body === undefined || body.length === 0
    ? ({ ok: true, json: undefined } as const)
    : parseJsonInSlices(body, MAX_BODY_BYTES)
}
