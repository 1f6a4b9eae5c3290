import { canonicalJson } from '../../model/digest.ts'
import { ConfigError } from '../../model/errors.ts'
import { isResourceKind, type ResourceBody, type ResourceKind } from '../../model/resource-kind.ts'
import {
  collectionOf,
  SNAPSHOT_FORMAT,
  type Snapshot,
  type SnapshotMeta,
} from '../../model/snapshot.ts'

/**
 * Reads a snapshot from JSON that nobody but us can have written.
 * @throws ConfigError naming what is wrong.
 */
export function decodeTrustedSnapshot(bytes: Buffer, group: string): Snapshot {
  const value = parseJson(bytes)
  return { ...value, _meta: decodeMeta(value['_meta'], group) }
}

/**
 * Reads a snapshot from JSON; whether its digest fits is left to the caller. Objects without an id
 * get one, what is no object becomes one that can only be quarantined.
 * @throws ConfigError naming what is wrong.
 */
export function decodeSnapshot(bytes: Buffer, group: string): Snapshot {
  const value = parseJson(bytes)
  const meta = decodeMeta(value['_meta'], group)
  const snapshot: Snapshot = { _meta: meta }
  for (const [name, objects] of Object.entries(value)) {
    if (name === '_meta') continue
    if (!isResourceKind(name)) throw invalid(`${shown(name)} is not a collection`)
    addCollection(snapshot, name, objects)
  }
  return snapshot
}

/** @throws ConfigError when the bytes are not one JSON object in UTF-8. */
export function parseJson(bytes: Buffer): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    // Without the cause: it quotes the text, which may be a secret.
    throw invalid(`it is not valid JSON${position(error)}`)
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw invalid('it is not a JSON object')
  }
  return value as Record<string, unknown>
}

/** Adds the objects to their collections. @throws ConfigError when they are no list. */
export function addCollection(
  to: Omit<Snapshot, '_meta'>,
  name: ResourceKind,
  objects: unknown,
): void {
  if (!Array.isArray(objects)) throw invalid(`${name} is not a list`)
  to[name] ??= []
  for (const [index, object] of objects.entries()) {
    const isObject = object !== null && typeof object === 'object' && !Array.isArray(object)
    const fallbackId = `arr_${index + 1}`
    const body: ResourceBody = isObject ? object : { id: fallbackId, not_an_object: true }
    const kind = collectionOf(name, body)
    const bodies = to[kind] ?? []
    bodies.push(decodeObject(kind, body, fallbackId))
    to[kind] = bodies
  }
}

function decodeObject(kind: ResourceKind, body: ResourceBody, fallbackId: string): ResourceBody {
  const id = kind === 'consumers' ? body['username'] : body.id
  if (!isStorable(body)) return { id: fallbackId, nested_too_deep: true }
  if (typeof id === 'string' || typeof id === 'number') return body
  // The schema refuses a consumer without a name; until then it needs a place to be told apart by.
  return kind === 'consumers' ? { ...body, username: fallbackId } : { ...body, id: fallbackId }
}

/** False for what no walk over it would survive. */
function isStorable(body: ResourceBody): boolean {
  try {
    canonicalJson(body)
    return true
  } catch {
    return false
  }
}

/** @throws ConfigError when it is not of this group, or of a format to come. */
export function decodeMeta(value: unknown, group: string): SnapshotMeta {
  if (value === null || typeof value !== 'object') throw invalid('it has no _meta')
  const meta = value as Partial<SnapshotMeta>
  if (!Number.isSafeInteger(meta.format)) throw invalid('_meta.format is not a number')
  if ((meta.format ?? 0) > SNAPSHOT_FORMAT) {
    throw invalid(`format ${meta.format} is not known, at most ${SNAPSHOT_FORMAT} is`)
  }
  if (meta.group !== group) throw invalid(`it is of gateway group ${shown(meta.group)}`)
  const { revision } = meta
  if (typeof meta.epoch !== 'string' || !Number.isSafeInteger(revision) || Number(revision) < 0) {
    throw invalid('_meta lacks epoch or revision')
  }
  return { ...meta, digest: String(meta.digest) } as SnapshotMeta
}

/** Of the sentence that V8 says, if it names one. */
function position(error: unknown): string {
  const found = /at position \d+(?: \(line \d+ column \d+\))?/.exec((error as Error).message)
  return found === null ? '' : ` ${found[0]}`
}

function invalid(why: string): ConfigError {
  return new ConfigError('GW_SNAPSHOT_INVALID', why)
}

function shown(name: unknown): string {
  return JSON.stringify(String(name).slice(0, 80))
}
