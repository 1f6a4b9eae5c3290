import { randomInt } from 'node:crypto'
import type { ResourceBody } from '../model/resource-kind.ts'
import type { ConfigTransaction, StoredResource } from '../store/config-repository.ts'
import type { ResourceSecrets } from '../support/resource-secrets.ts'
import type { ResourceValidator } from '../support/validate-resource.ts'
import type { AdminRequest, ResourceHandler } from './admin-request.ts'
import { type Answer, keyNotFound, refusal } from './answer.ts'
import type { ConfigWriter, Outcome } from './config-writer.ts'
import type { CredentialKeys } from './credential-keys.ts'
import { checkPreconditions } from './preconditions.ts'
import {
  checkNotReferenced,
  checkOwner,
  checkReferences,
  checkReferrers,
  deleteWithParts,
} from './references.ts'
import type { ResourceDefinition } from './resource-definition.ts'
import {
  applyPatch,
  findForbidden,
  isObject,
  nameForPut,
  refuse,
  requireObject,
  type Step,
  stop,
  typeName,
} from './wanted-body.ts'

export interface WriteDeps {
  writer: ConfigWriter
  validator: ResourceValidator
  secrets: ResourceSecrets
  credentialKeys: Pick<CredentialKeys, 'claim'>
  /** Milliseconds since the epoch. */
  now: () => number
}

/**
 * Answers PUT, POST, PATCH and DELETE for one kind. What depends on other objects is decided inside
 * the write transaction, under the group's lock.
 */
export function createResourceWrites(
  definition: ResourceDefinition,
  { writer, validator, secrets, credentialKeys, now }: WriteDeps,
): Omit<ResourceHandler, 'GET'> {
  const { kind, label, key, unsupported } = definition

  async function put(request: AdminRequest): Promise<Answer> {
    const given = requireObject(request.body, 'missing configurations')
    if (!given.ok) return given.answer
    const forbidden = findForbidden(given.value)
    if (forbidden) return refuse(forbidden)
    const named = nameForPut(definition, given.value, request)
    if (!named.ok) return named.answer
    const valid = validate(named.value)
    if (!valid.ok) return valid.answer
    const id = String(valid.value[key])
    return write(request, id, async (tx, stored) => {
      const holder = { group: request.group, kind, id }
      const conflict = await credentialKeys.claim(tx, holder, valid.value)
      if (conflict !== undefined) return { op: 'none', answer: refuse(conflict) }
      return store(tx, id, valid.value, stored)
    })
  }

  async function post(request: AdminRequest): Promise<Answer> {
    const given = requireObject(request.body, 'missing configurations')
    if (!given.ok) return given.answer
    if (request.id !== undefined || given.value.id !== undefined) {
      return refuse(`wrong ${label} id, do not need it`)
    }
    const forbidden = findForbidden(given.value)
    if (forbidden) return refuse(forbidden)
    const id = generateId(now())
    const valid = validate({ ...given.value, id })
    if (!valid.ok) return valid.answer
    return write(request, id, (tx, stored) => store(tx, id, valid.value, stored))
  }

  async function patch(request: AdminRequest): Promise<Answer> {
    const { id, body, subPath } = request
    if (id === undefined) return refuse(`missing ${label} id`)
    if (body === undefined) return refuse('missing new configuration')
    if (subPath.length === 0 && !isObject(body)) {
      return refuse(`invalid configuration: expected object, got ${typeName(body)}`)
    }
    return write(request, id, async (tx, stored) => {
      if (!stored) return { op: 'none', answer: keyNotFound() }
      const patched = applyPatch(stored.body, request, now())
      if (!patched.ok) return { op: 'none', answer: patched.answer }
      const named = nameForPut(definition, patched.value, request)
      if (!named.ok) return { op: 'none', answer: named.answer }
      const valid = validate(named.value)
      return valid.ok ? replace(tx, id, valid.value, stored) : { op: 'none', answer: valid.answer }
    })
  }

  async function remove(request: AdminRequest): Promise<Answer> {
    const { id, query } = request
    if (id === undefined) return refuse(`missing ${label} id`)
    return write(request, id, async (tx, stored) => {
      if (!stored) return { op: 'none', answer: keyNotFound() }
      const inUse = query['force'] === 'true' ? undefined : await checkNotReferenced(tx, kind, id)
      if (inUse) return { op: 'none', answer: refuse(inUse) }
      await deleteWithParts(tx, kind, id)
      return { op: 'delete' }
    })
  }

  /** Writes one object, if the request's conditions on what is stored hold. */
  function write(
    request: AdminRequest,
    id: string,
    decide: (tx: ConfigTransaction, stored: StoredResource | undefined) => Promise<Outcome>,
  ): Promise<Answer> {
    return writer.write({ ...request, kind, id }, async (tx) => {
      const stored = await tx.get(kind, id)
      const answer = checkPreconditions(request, stored?.revision)
      return answer === undefined ? decide(tx, stored) : { op: 'none', answer }
    })
  }

  /**
   * The valid object, its secrets in plain text: those of a patched object come encrypted from the
   * store, and a client may send back what an answer showed it.
   */
  function validate(body: ResourceBody): Step<ResourceBody> {
    const opened = secrets.open(kind, body)
    if (!opened.ok) return stop(refuse(opened.reason))
    const decoded = validator.decode(kind, opened.body)
    return decoded.ok
      ? { ok: true, value: decoded.value as ResourceBody }
      : stop(refuse(decoded.reason))
  }

  async function store(
    tx: ConfigTransaction,
    id: string,
    body: ResourceBody,
    stored: StoredResource | undefined,
  ): Promise<Outcome> {
    const seconds = Math.floor(now() / 1000)
    const value = {
      ...body,
      create_time: stored?.body.create_time ?? seconds,
      update_time: seconds,
    }
    return replace(tx, id, value, stored)
  }

  async function replace(
    tx: ConfigTransaction,
    id: string,
    value: ResourceBody,
    stored: StoredResource | undefined,
  ): Promise<Outcome> {
    const orphan = await checkOwner(tx, definition, id)
    if (orphan) return { op: 'none', answer: refusal(404, orphan) }
    const problem =
      (await checkReferences(tx, definition, value)) ??
      (await checkReferrers(tx, definition, value, stored?.body)) ??
      (await definition.check?.(tx, id, value))
    if (problem) return { op: 'none', answer: refuse(problem) }
    const sealed = secrets.seal(kind, value, stored?.body)
    tx.put(kind, id, sealed)
    return { op: 'put', definition, value: sealed, createdRevision: stored?.createdRevision }
  }

  const notOffered = (method: string) => async () =>
    refusal(405, `not supported \`${method}\` method for ${label}`)

  return {
    PUT: put,
    POST: unsupported.includes('POST') ? notOffered('POST') : post,
    PATCH: unsupported.includes('PATCH') ? notOffered('PATCH') : patch,
    DELETE: remove,
  }
}

/** 20 digits, as APISIX's are, in the order of creation; random so that replicas do not meet. */
function generateId(nowMs: number): string {
  return `${nowMs}`.padStart(13, '0') + `${randomInt(10_000_000)}`.padStart(7, '0')
}
