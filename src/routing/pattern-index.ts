import type { MatchRequest } from './match-rule.ts'
import { Slot, type SlotEntry } from './slot.ts'
import { type Schedule, SlotIndex } from './slot-index.ts'
import { MAX_URI_LENGTH, type UriPattern } from './uri-pattern.ts'

/** The routes of one host, or those without hosts. Maps are made when something comes into them. */
interface Bucket<T> {
  /** By the whole path. */
  exact: Map<string, Slot<T>> | undefined
  /** By a prefix that ends in a slash. */
  folders: Map<string, Slot<T>> | undefined
  /** How many entries have another prefix: those are in the tree. */
  inTree: number
}

/**
 * Finds the most specific pattern of a bucket that takes a request. Exact uris and prefixes that end in
 * a slash, which is nearly all of them, are in hash maps: a look-up costs a probe per slash of the path,
 * however many routes there are, and a change costs a microsecond. Prefixes that end within a
 * segment (`/shop*`) are in a radix tree (slot-index.ts). From 1 000 to 100 000 routes, all in
 * the tree, a look-up took three times as long: every node of it is a function of its own.
 */
export class PatternIndex<T> {
  readonly #buckets = new Map<string, Bucket<T>>()
  readonly #tree: SlotIndex<T>
  /** How many folders there are of each length, in all buckets: only those lengths are tried. */
  readonly #folderLengths = new Uint32Array(MAX_URI_LENGTH + 1)
  #longestFolder = 0
  #mapped = 0

  constructor(schedule: Schedule) {
    this.#tree = new SlotIndex<T>(schedule)
  }

  /** Distinct patterns, those included that are empty and wait for the tree's next rebuild. */
  get patterns(): number {
    return this.#mapped + this.#tree.patterns
  }

  add(prefix: string, uri: UriPattern, entry: SlotEntry<T>): void {
    const bucket = this.#bucket(prefix)
    if (isOdd(uri)) {
      bucket.inTree++
      this.#tree.add(treePattern(prefix, uri), entry)
      return
    }
    const { literal } = uri
    const slots = mapOf(bucket, uri) ?? makeMap(bucket, uri)
    let slot = slots.get(literal)
    if (slot === undefined) {
      slot = new Slot<T>(literal)
      slots.set(literal, slot)
      this.#count(uri, 1)
    }
    slot.add(entry)
  }

  remove(prefix: string, uri: UriPattern, entry: SlotEntry<T>): void {
    const bucket = this.#buckets.get(prefix)
    if (bucket === undefined) return
    if (isOdd(uri)) {
      bucket.inTree--
      this.#tree.remove(treePattern(prefix, uri), entry)
    } else {
      const slots = mapOf(bucket, uri)
      const slot = slots?.get(uri.literal)
      slot?.remove(entry)
      if (slot?.isEmpty && slots?.delete(uri.literal)) this.#count(uri, -1)
    }
    const isEmpty = !bucket.exact?.size && !bucket.folders?.size && bucket.inTree === 0
    if (isEmpty) this.#buckets.delete(prefix)
  }

  find(prefix: string, request: MatchRequest, stopsAtBody: boolean): SlotEntry<T> | undefined {
    const bucket = this.#buckets.get(prefix)
    if (bucket === undefined) return undefined
    const exact = bucket.exact?.get(request.path)?.pick(request, stopsAtBody)
    if (exact !== undefined) return exact
    const { folders } = bucket
    const folder = folders && this.#findFolder(folders, request, stopsAtBody)
    if (bucket.inTree === 0) return folder
    const other = this.#tree.find(prefix, request, stopsAtBody)
    if (folder === undefined || other === undefined) return folder ?? other
    return other.uri.literal.length > folder.uri.literal.length ? other : folder
  }

  #findFolder(
    folders: ReadonlyMap<string, Slot<T>>,
    request: MatchRequest,
    stopsAtBody: boolean,
  ): SlotEntry<T> | undefined {
    const { path } = request
    let length = Math.min(path.length, this.#longestFolder)
    while (length > 0) {
      length = path.lastIndexOf('/', length - 1) + 1
      if (length === 0 || this.#folderLengths[length] === 0) {
        length--
        continue
      }
      const found = folders.get(path.slice(0, length))?.pick(request, stopsAtBody)
      if (found !== undefined) return found
      length--
    }
    return undefined
  }

  #bucket(prefix: string): Bucket<T> {
    const known = this.#buckets.get(prefix)
    if (known !== undefined) return known
    const bucket: Bucket<T> = { exact: undefined, folders: undefined, inTree: 0 }
    this.#buckets.set(prefix, bucket)
    return bucket
  }

  #count({ isPrefix, literal }: UriPattern, change: 1 | -1): void {
    this.#mapped += change
    if (!isPrefix) return
    const { length } = literal
    this.#folderLengths[length] = (this.#folderLengths[length] ?? 0) + change
    this.#longestFolder = Math.max(this.#longestFolder, length)
  }
}

function isOdd({ isPrefix, literal }: UriPattern): boolean {
  return isPrefix && !literal.endsWith('/')
}

function treePattern(prefix: string, { literal }: UriPattern): string {
  return `${prefix}${literal}*`
}

function mapOf<T>(bucket: Bucket<T>, uri: UriPattern): Map<string, Slot<T>> | undefined {
  return uri.isPrefix ? bucket.folders : bucket.exact
}

function makeMap<T>(bucket: Bucket<T>, uri: UriPattern): Map<string, Slot<T>> {
  const slots = new Map<string, Slot<T>>()
  if (uri.isPrefix) bucket.folders = slots
  else bucket.exact = slots
  return slots
}
