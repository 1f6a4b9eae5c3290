import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ResourceKind } from '../model/resource-kind.ts'
import { parseAdminQuery } from './admin-query.ts'
import { ADMIN_METHODS, type AdminMethod, type ResourceHandler } from './admin-request.ts'
import { type Answer, refusal } from './answer.ts'
import type { KeyCheck } from './auth.ts'
import type { CatalogueHandler } from './catalogue/catalogue-routes.ts'
import type { ConvergenceWatch } from './holdfast-api/convergence-watch.ts'
import { answerWhenServed } from './holdfast-api/wait-query.ts'
import { LARGE_BODY_BYTES } from './http-server.ts'
import { parseBody } from './request-body.ts'
import { actorOf, requireKey } from './require-key.ts'
import { parseResourcePath } from './resource-path.ts'
import { answerFailure, sendAnswer } from './send-answer.ts'
import type { StandaloneHandler } from './standalone/standalone-config.ts'

const PREFIX = '/apisix/admin'

export interface AdminParts {
  handlers: Record<ResourceKind, ResourceHandler>
  /** Answers for /plugins and /schema. */
  catalogue: CatalogueHandler
  /** Answers for /configs. */
  standalone: StandaloneHandler
  watch: Pick<ConvergenceWatch, 'wait'>
}

/** Serves APISIX's Admin API. Every request needs a key, also one that leads nowhere. */
export function addAdminRoutes(app: FastifyInstance, parts: AdminParts, checkKey: KeyCheck): void {
  const { standalone } = parts
  app.register((admin, _, done) => {
    requireKey(admin, checkKey, isProbe)
    admin.head(PREFIX, async (_, reply) => reply.code(200).send())
    const large = { bodyLimit: LARGE_BODY_BYTES }
    admin.all(`${PREFIX}/configs`, large, (request, reply) =>
      answer(reply, standalone.config(request, actorOf(request))),
    )
    admin.post(`${PREFIX}/configs/validate`, large, (request, reply) =>
      answer(reply, standalone.validate(request)),
    )
    admin.all(`${PREFIX}/*`, (request, reply) => answer(reply, dispatch(parts, request)))
    done()
  })
}

/** HEAD of the API itself tells tools that it is there; as in APISIX, it needs no key. */
function isProbe({ method, url }: FastifyRequest): boolean {
  return method === 'HEAD' && url.replace(/[?#].*$/s, '') === PREFIX
}

async function answer(reply: FastifyReply, work: Promise<Answer>): Promise<FastifyReply> {
  const { headers, ...rest } = await work.catch(answerFailure)
  return sendAnswer(reply, { ...rest, headers: { 'x-api-version': 'v3', ...headers } })
}

async function dispatch(
  { handlers, catalogue, watch }: AdminParts,
  request: FastifyRequest,
): Promise<Answer> {
  const method = methodOf(request.method)
  if (method === undefined) return refusal(404, '404 Route Not Found')
  const query = request.query as Record<string, unknown>
  const segments = pathSegments(request.url)
  const fromCatalogue = catalogue(method, segments, query, request.body as Buffer | undefined)
  if (fromCatalogue !== undefined) return fromCatalogue
  const path = parseResourcePath(segments)
  if (path === undefined) return refusal(404, `Unsupported resource type: ${segments[0] ?? ''}`)
  const { kind, id, scope, subPath } = path
  if (subPath.length > 0 && method !== 'PATCH') return refusal(404, 'not found')
  const body = parseBody(request.body as Buffer | undefined)
  if (!body.ok) return refusal(400, body.reason)
  const parsed = parseAdminQuery(query, method)
  if (!parsed.ok) return refusal(400, parsed.reason)
  const { group, wait } = parsed
  const answered = await handlers[kind][method]({
    ...{ group, actor: actorOf(request), id, scope, subPath, query, body: body.json },
    ifMatch: request.headers['if-match'],
    ifNoneMatch: request.headers['if-none-match'],
  })
  return answerWhenServed(answered, group, wait, watch)
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
