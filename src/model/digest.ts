import { hash } from 'node:crypto'
import type { ResourceBody, ResourceKind } from './resource-kind.ts'

const MASK = (1n << 256n) - 1n

/** JSON with sorted keys: equal values give equal text whatever way they were stored. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const fields: string[] = []
  for (const [key, field] of Object.entries(value).sort(byKey)) {
    if (field !== undefined) fields.push(`${JSON.stringify(key)}:${canonicalJson(field)}`)
  }
  return `{${fields.join(',')}}`
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/**
 * Digest of a set of resources that can be kept current per change: the sum, modulo 2^256, of
 * SHA-256 over each object. Adding and removing cost one hash each and need no order (the AdHash
 * construction of Bellare and Micciancio). It proves agreement; it is no signature.
 */
export class ContentDigest {
  #sum: bigint

  constructor(hex = '0') {
    this.#sum = BigInt(`0x${hex}`)
  }

  add(kind: ResourceKind, id: string, body: ResourceBody): void {
    this.#sum = (this.#sum + hashOf(kind, id, body)) & MASK
  }

  remove(kind: ResourceKind, id: string, body: ResourceBody): void {
    this.#sum = (this.#sum - hashOf(kind, id, body)) & MASK
  }

  /** 64 hexadecimal digits; all zeros for the empty set. */
  toString(): string {
    return this.#sum.toString(16).padStart(64, '0')
  }
}

/** Digest of nothing: that of a group without objects. */
export const EMPTY_DIGEST = new ContentDigest().toString()

function hashOf(kind: ResourceKind, id: string, body: ResourceBody): bigint {
  const hex = hash('sha256', `${kind}/${id}\n${canonicalJson(body)}`, 'hex')
  return BigInt(`0x${hex}`)
}
