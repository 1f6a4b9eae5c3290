import { canonicalJson } from '../../model/digest.ts'
import type { ResourceBody, ResourceKind } from '../../model/resource-kind.ts'
import { ENVELOPE_MARK } from '../../model/secret-value.ts'
import { admittedResources, servedResources } from '../../plugins/served-resources.ts'
import type { ResourceValidator } from '../../support/validate-resource.ts'
import { pathOfReason } from './reason-path.ts'

/** An object as it is compared, or why it is not valid. */
export type NormalForm = { ok: true; value: ResourceBody } | { ok: false; reason: string }

/** In the place of a private key that is kept from us; an envelope is taken on trust. */
const ABSENT_KEY = `${ENVELOPE_MARK}absent$`.padEnd(64, '0')

/** What a file says, as the control plane would store it, or why it would refuse it. */
export function wantedForm(kind: ResourceKind, body: ResourceBody): NormalForm {
  // Plugins are tried with their configuration: not with envelopes, which they can't read.
  const isSealed = JSON.stringify(body).includes(ENVELOPE_MARK)
  return normalForm(kind, body, isSealed ? servedResources : admittedResources)
}

/** What the control plane shows, in the same form; also of what this version would refuse. */
export function presentForm(kind: ResourceKind, body: ResourceBody): ResourceBody {
  const normal = normalForm(kind, body, servedResources)
  return normal.ok ? normal.value : withoutTimes(body)
}

/**
 * The object with its defaults filled in and without its times. A private key that is missing or
 * encrypted is no fault here: the control plane knows it.
 */
function normalForm(
  kind: ResourceKind,
  body: ResourceBody,
  validator: ResourceValidator,
): NormalForm {
  const timeless = withoutTimes(body)
  const keyless = kind === 'ssls' ? missingKeys(timeless) : {}
  const decoded = validator.decode(kind, { ...timeless, ...keyless })
  if (!decoded.ok) {
    // A schema may have its own idea of how a secret looks; that of an envelope nobody can judge.
    return isEnvelopeAt(timeless, pathOfReason(decoded.reason))
      ? { ok: true, value: timeless }
      : decoded
  }
  const value = decoded.value as ResourceBody
  for (const field of Object.keys(keyless)) delete value[field]
  return { ok: true, value }
}

/** The object without what only the control plane writes. */
export function withoutTimes(body: ResourceBody): ResourceBody {
  const { create_time, update_time, ...rest } = body
  const { upstream } = rest
  if (!isObject(upstream)) return rest
  const { create_time: _created, update_time: _updated, ...inline } = upstream
  return { ...rest, upstream: inline }
}

function missingKeys(ssl: ResourceBody): ResourceBody {
  const { key, keys, certs } = ssl
  return {
    ...(key === undefined && { key: ABSENT_KEY }),
    ...(keys === undefined && Array.isArray(certs) && { keys: certs.map(() => ABSENT_KEY) }),
  }
}

function isEnvelopeAt(body: unknown, path: readonly (string | number)[]): boolean {
  let at = body
  for (const key of path) at = (at as Record<string | number, unknown> | undefined)?.[key]
  return typeof at === 'string' && at.startsWith(ENVELOPE_MARK)
}

/** `hidden`: equal but for secrets, which only the control plane can compare. */
export type Comparison = 'same' | 'different' | 'hidden'

/** Compares two normal forms: what a file says, and what the control plane shows. */
export function compare(
  kind: ResourceKind,
  wanted: ResourceBody,
  present: ResourceBody,
): Comparison {
  if (canonicalJson(wanted) === canonicalJson(present)) return 'same'
  const [a, b] = hideAlike(withoutHidden(kind, wanted), withoutHidden(kind, present))
  return canonicalJson(a) === canonicalJson(b) ? 'hidden' : 'different'
}

/** Private keys of `ssls` are never shown. */
function withoutHidden(kind: ResourceKind, body: ResourceBody): ResourceBody {
  if (kind !== 'ssls') return body
  const { key, keys, ...rest } = body
  return rest
}

/** Both values without the texts that are an envelope on one side at least. */
function hideAlike(a: unknown, b: unknown): [unknown, unknown] {
  if (typeof a === 'string' && typeof b === 'string') {
    return isEnvelope(a) || isEnvelope(b) ? ['', ''] : [a, b]
  }
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length) {
    const pairs = a.map((item, n) => hideAlike(item, b[n]))
    return [pairs.map(([left]) => left), pairs.map(([, right]) => right)]
  }
  if (!isObject(a) || !isObject(b)) return [a, b]
  const [left, right]: [ResourceBody, ResourceBody] = [{ ...a }, { ...b }]
  for (const name of Object.keys(a)) {
    if (Object.hasOwn(b, name)) [left[name], right[name]] = hideAlike(a[name], b[name])
  }
  return [left, right]
}

function isEnvelope(text: string): boolean {
  return text.startsWith(ENVELOPE_MARK)
}

function isObject(value: unknown): value is ResourceBody {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
