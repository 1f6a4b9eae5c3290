import type { ResourceBody } from '../model/resource-kind.ts'
import type { AdminRequest } from './admin-request.ts'
import { type Answer, refusal } from './answer.ts'
import { mergePatch, replaceAt } from './merge-patch.ts'
import type { ResourceDefinition } from './resource-definition.ts'
import { wholeId } from './resource-path.ts'

/** Either of the two: what to go on with, or the answer that ends the request. */
export type Step<T> = { ok: true; value: T } | { ok: false; answer: Answer }

/** Puts the key from the URL into the object, where both must agree. */
export function nameForPut(
  { key, label }: ResourceDefinition,
  body: ResourceBody,
  { id, scope }: AdminRequest,
): Step<ResourceBody> {
  const own = body[key]
  if (key === 'username') {
    const agree = id === undefined || own === undefined || own === id
    return agree ? { ok: true, value: body } : stop(refuse('wrong username'))
  }
  const named = own === undefined ? id : wholeId(own, scope)
  if (named === undefined) return stop(refuse(`missing ${label} id`))
  if (named !== (id ?? named)) return stop(refuse(`wrong ${label} id`))
  const isOwn = id === undefined && scope === undefined
  return { ok: true, value: isOwn ? body : { ...body, id: named } }
}

/** What a stored object becomes with a PATCH. */
export function applyPatch(
  stored: ResourceBody,
  { body, subPath }: AdminRequest,
  nowMs: number,
): Step<ResourceBody> {
  const seconds = Math.floor(nowMs / 1000)
  if (subPath.length > 0) {
    const replaced = replaceAt(stored, subPath, body)
    if (!replaced.ok) return stop(refuse(`invalid sub-path: ${replaced.path}`))
    return { ok: true, value: { ...replaced.value, update_time: seconds } }
  }
  const patch = body as ResourceBody
  const merged = mergePatch(stored, patch) as ResourceBody
  const { create_time = stored.create_time ?? seconds } = merged
  return { ok: true, value: { ...merged, create_time, update_time: patch.update_time ?? seconds } }
}

/** The body of a PUT or POST. */
export function requireObject(body: unknown, missing: string): Step<ResourceBody> {
  if (body === undefined || body === null) return stop(refuse(missing))
  return isObject(body)
    ? { ok: true, value: body }
    : stop(refuse(`invalid configuration: wrong type: expected object, got ${typeName(body)}`))
}

/** The control plane alone says when an object was created and changed. */
export function findForbidden(body: ResourceBody): string | undefined {
  const upstream = isObject(body['upstream']) ? body['upstream'] : {}
  for (const field of ['create_time', 'update_time']) {
    if (body[field] !== undefined) return `the property is forbidden: ${field}`
    if (upstream[field] !== undefined) return `the property is forbidden: upstream.${field}`
  }
  return undefined
}

/** A 400. */
export function refuse(reason: string): Answer {
  return refusal(400, reason)
}

/** The answer that ends the request. */
export function stop(answer: Answer): { ok: false; answer: Answer } {
  return { ok: false, answer }
}

export function isObject(value: unknown): value is ResourceBody {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** As JSON calls it. */
export function typeName(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}
