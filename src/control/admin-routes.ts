import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { StoreError } from '../model/errors.ts'
import type { ResourceKind } from '../model/resource-kind.ts'
import { ADMIN_METHODS, type AdminMethod, type ResourceHandler } from './admin-request.ts'
import { type Answer, refusal } from './answer.ts'
import { ADMIN_ACTOR, type KeyCheck } from './auth.ts'
import { parseGroup } from './group-query.ts'
import type { ConvergenceWatch } from './holdfast-api/convergence-watch.ts'
import { answerWhenServed, parseWait } from './holdfast-api/wait-query.ts'
import { parseBody } from './request-body.ts'
import { requireKey } from './require-key.ts'
import { parseResourcePath } from './resource-path.ts'

const PREFIX = '/apisix/admin'

/** Serves the resources under /apisix/admin; every request needs the key, even one that leads nowhere. */
export function addAdminRoutes(
  app: FastifyInstance,
  handlers: Record<ResourceKind, ResourceHandler>,
  checkKey: KeyCheck,
  watch: Pick<ConvergenceWatch, 'wait'>,
): void {
  app.register((admin, _, done) => {
    requireKey(admin, checkKey)
    const answer = async (request: FastifyRequest, reply: FastifyReply) =>
      send(reply, await dispatch(handlers, request, watch).catch(answerFailure))
    // HEAD of the API itself is how APISIX's tools ask whether the key is right.
    admin.head(PREFIX, async (_, reply) => reply.code(200).send())
    admin.all(`${PREFIX}/*`, answer)
    done()
  })
}

async function dispatch(
  handlers: Record<ResourceKind, ResourceHandler>,
  request: FastifyRequest,
  watch: Pick<ConvergenceWatch, 'wait'>,
): Promise<Answer> {
  const query = request.query as Record<string, unknown>
  const segments = pathSegments(request.url)
  const path = parseResourcePath(segments)
  if (path === undefined) return refusal(404, `Unsupported resource type: ${segments[0] ?? ''}`)
  const { kind, id, scope, subPath } = path
  const method = methodOf(request.method)
  if (method === undefined) return methodNotAllowed()
  if (subPath.length > 0 && method !== 'PATCH') return refusal(404, 'not found')
  const parsed = parseQuery(query, method)
  if (!parsed.ok) return refusal(400, parsed.reason)
  const body = parseBody(request.body as Buffer | undefined)
  if (!body.ok) return refusal(400, body.reason)
  const { group, wait } = parsed
  const { json } = body
  const answer = await handlers[kind][method]({
    ...{ group, actor: ADMIN_ACTOR, id, scope, subPath, query, body: json },
  })
  return answerWhenServed(answer, group, wait, watch)
}

/** The database being away is no fault of ours: the reason is the client's to know. */
function answerFailure(error: unknown): Answer {
  if (error instanceof StoreError) return refusal(503, error.message)
  throw error
}

/** Each segment by itself: a %2F belongs to a segment and does not end it. Fastify has checked the encoding. */
function pathSegments(url: string): string[] {
  const path = url.replace(/[?#].*$/s, '').slice(PREFIX.length + 1)
  const segments = path.split('/')
  while (segments.at(-1) === '') segments.pop()
  return segments.map(decodeURIComponent)
}

function methodOf(name: string): AdminMethod | undefined {
  if (name === 'HEAD') return 'GET'
  return ADMIN_METHODS.find((method) => method === name)
}

function methodNotAllowed(): Answer {
  const allow = ADMIN_METHODS.join(', ')
  return { ...refusal(405, `method not allowed: use ${allow}`), headers: { allow } }
}

type ParsedQuery =
  | { ok: true; group: string; wait: { timeoutMs: number } | undefined }
  | { ok: false; reason: string }

/** What may be asked of any kind. */
function parseQuery(query: Record<string, unknown>, method: AdminMethod): ParsedQuery {
  const parsed = parseGroup(query)
  if (!parsed.ok) return parsed
  // Better refused than forgotten: the object would outlive what its author asked for.
  const { ttl } = query
  if (ttl !== undefined && ttl !== '0') {
    return { ok: false, reason: 'invalid argument ttl: objects do not expire' }
  }
  const waiting = method === 'GET' ? ({ ok: true, wait: undefined } as const) : parseWait(query)
  return waiting.ok ? { ok: true, group: parsed.group, wait: waiting.wait } : waiting
}

function send(reply: FastifyReply, { status, body, headers = {} }: Answer): FastifyReply {
  return reply
    .code(status)
    .headers({ 'x-api-version': 'v3', ...headers })
    .send(body)
}
