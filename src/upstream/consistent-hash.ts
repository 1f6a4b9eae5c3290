import { crc32 } from 'node:zlib'
import type { RequestContext } from '../model/request-context.ts'
import { isEligible, type Picker } from './balancer.ts'
import type { UpstreamNode } from './upstream-node.ts'

/** Points of a node per unit of weight, as in lua-resty-chash and nginx's `hash … consistent`. */
const POINTS_PER_WEIGHT = 160
/** Weights without a common divisor would make rings of any size: beyond, all are scaled down. */
const MAX_POINTS = 1 << 16

/** Reads what a request is hashed by. */
export type HashKey = (request: RequestContext | undefined) => string

/**
 * A ring of hashes: equal keys go to the same node, and when a node leaves only its own keys move.
 * Points and hashes are those of lua-resty-chash (https://github.com/openresty/lua-resty-balancer),
 * so that equal nodes get the same keys as under APISIX.
 */
export function createConsistentHash(nodes: readonly UpstreamNode[], keyOf: HashKey): Picker {
  const { hashes, owners } = createRing(nodes)

  return {
    pick(request, excluded, blind) {
      if (nodes.length === 0) return undefined
      const hash = crc32(keyOf(request))
      const first = firstAtOrAfter(hashes, hash)
      const node = nodes[owners[first] ?? 0]
      if (node !== undefined && isPickedFor(node, hash, excluded, blind)) return node
      // Rather than walk a whole ring in vain.
      if (!nodes.some((other) => isEligible(other, excluded, blind))) return undefined
      return (
        walk(nodes, owners, first, (next) => isPickedFor(next, hash, excluded, blind)) ??
        walk(nodes, owners, first, (next) => isEligible(next, excluded, blind))
      )
    },
  }
}

/** A node that starts slowly gets a share of its keys: always the same ones, and more and more. */
function isPickedFor(
  node: UpstreamNode,
  hash: number,
  excluded: readonly UpstreamNode[] | undefined,
  blind: boolean,
): boolean {
  if (!isEligible(node, excluded, blind)) return false
  return node.share >= 1 || blind || Math.imul(hash, KNUTH) >>> 0 < node.share * 2 ** 32
}

/** Spreads hashes that are near each other on the ring. */
const KNUTH = 2_654_435_761

function walk(
  nodes: readonly UpstreamNode[],
  owners: Uint32Array,
  first: number,
  isGood: (node: UpstreamNode) => boolean,
): UpstreamNode | undefined {
  for (let step = 0; step < owners.length; step++) {
    const node = nodes[owners[(first + step) % owners.length] ?? 0]
    if (node !== undefined && isGood(node)) return node
  }
  return undefined
}

/** Points in order of their hashes, and for each the index of the node it belongs to. */
interface Ring {
  readonly hashes: Uint32Array
  readonly owners: Uint32Array
}

/** Hash and owner as one number, which typed arrays sort fast: 32 bits and up to 21. */
const OWNERS = 2 ** 21

function createRing(nodes: readonly UpstreamNode[]): Ring {
  const counts = pointCounts(nodes.map(({ weight }) => weight))
  const points = new Float64Array(counts.reduce((sum, count) => sum + count, 0))
  let at = 0
  for (const [owner, { address }] of nodes.entries()) {
    const base = crc32(address.replaceAll(':', '\0'))
    let hash = 0
    for (let i = 0; i < (counts[owner] ?? 0); i++) {
      hash = crc32OfWord(base, hash)
      points[at++] = hash * OWNERS + owner
    }
  }
  points.sort()
  return {
    hashes: Uint32Array.from(points, (point) => Math.floor(point / OWNERS)),
    owners: Uint32Array.from(points, (point) => point % OWNERS),
  }
}

/** The crc32 so far, continued with a little-endian word: cheaper than a call of zlib for 4 bytes. */
function crc32OfWord(crc: number, word: number): number {
  let rest = ~crc ^ word
  for (let byte = 0; byte < 4; byte++) rest = (TABLE[rest & 0xff] ?? 0) ^ (rest >>> 8)
  return ~rest >>> 0
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit++)
    rest = (rest & 1) === 1 ? 0xed_b8_83_20 ^ (rest >>> 1) : rest >>> 1
  return rest
})

/** At least one point each, in proportion to the weights. */
function pointCounts(weights: readonly number[]): number[] {
  // Nodes of one name share its weight, which makes fractions.
  const unit = weights.every(Number.isInteger) ? weights.reduce(gcd, 0) : Math.min(...weights)
  const total = weights.reduce((sum, weight) => sum + weight / unit, 0) * POINTS_PER_WEIGHT
  const scale = POINTS_PER_WEIGHT * Math.min(1, MAX_POINTS / total)
  return weights.map((weight) => Math.max(1, Math.round((weight / unit) * scale)))
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

/** Index of the first point whose hash is not less; past the last one the ring begins again. */
function firstAtOrAfter(hashes: Uint32Array, hash: number): number {
  let low = 0
  let high = hashes.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((hashes[middle] ?? 0) < hash) low = middle + 1
    else high = middle
  }
  return low === hashes.length ? 0 : low
}
