import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { StoreError } from '../model/errors.ts'
import { isResourceKind, type ResourceKind } from '../model/resource-kind.ts'
import { ADMIN_METHODS, type AdminMethod, type ResourceHandler } from './admin-request.ts'
import { type Answer, refusal } from './answer.ts'
import { ADMIN_ACTOR, type KeyCheck } from './auth.ts'
import { parseBody } from './request-body.ts'

const GROUP_NAME = /^[a-zA-Z0-9_.-]{1,64}$/
const DEFAULT_GROUP = 'default'
const PREFIX = '/apisix/admin'

/** Serves the resources under /apisix/admin; every request needs the key, even one that leads nowhere. */
export function addAdminRoutes(
  app: FastifyInstance,
  handlers: Record<ResourceKind, ResourceHandler>,
  checkKey: KeyCheck,
): void {
  app.register((admin, _, done) => {
    admin.addHook('onRequest', async (request, reply) => {
      const query = request.query as Record<string, unknown>
      const header = request.headers['x-api-key']
      const problem = checkKey({ header, query: query['api_key'] })
      if (problem === undefined) return undefined
      return reply.code(401).send({ error_msg: 'failed to check token', description: problem })
    })
    const answer = async (request: FastifyRequest, reply: FastifyReply) =>
      send(reply, await dispatch(handlers, request).catch(answerFailure))
    // HEAD of the API itself is how APISIX's tools ask whether the key is right.
    admin.head(PREFIX, async (_, reply) => reply.code(200).send())
    admin.all(`${PREFIX}/*`, answer)
    done()
  })
}

async function dispatch(
  handlers: Record<ResourceKind, ResourceHandler>,
  request: FastifyRequest,
): Promise<Answer> {
  const query = request.query as Record<string, unknown>
  const [kind = '', id, ...subPath] = pathSegments(request.url)
  if (!isResourceKind(kind)) return refusal(404, `Unsupported resource type: ${kind}`)
  const method = methodOf(request.method)
  if (method === undefined) return methodNotAllowed()
  if (subPath.length > 0 && method !== 'PATCH') return refusal(404, 'not found')
  const problem = checkQuery(query)
  if (problem) return refusal(400, problem)
  const body = parseBody(request.body as Buffer | undefined)
  if (!body.ok) return refusal(400, body.reason)
  const group = (query['gateway_group_id'] as string | undefined) ?? DEFAULT_GROUP
  const { json } = body
  return handlers[kind][method]({ group, actor: ADMIN_ACTOR, id, subPath, query, body: json })
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

function checkQuery({ gateway_group_id: group, ttl }: Record<string, unknown>): string | undefined {
  if (group !== undefined && !(typeof group === 'string' && GROUP_NAME.test(group))) {
    return 'invalid argument gateway_group_id: should be 1 to 64 characters of a-z A-Z 0-9 "_" "." "-"'
  }
  // Better refused than forgotten: the object would outlive what its author asked for.
  if (ttl !== undefined && ttl !== '0') return 'invalid argument ttl: objects do not expire'
  return undefined
}

function send(reply: FastifyReply, { status, body, headers = {} }: Answer): FastifyReply {
  return reply
    .code(status)
    .headers({ 'x-api-version': 'v3', ...headers })
    .send(body)
}
