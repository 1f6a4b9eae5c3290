import type { MatchRequest } from './match-rule.ts'
import { PrefixIndex, type Schedule } from './prefix-index.ts'
import { Slot, type SlotEntry } from './slot.ts'
import { MAX_URI_LENGTH, type UriPattern } from './uri-pattern.ts'

/** The routes of one host, or those without hosts. Maps are made when something comes into them. */
interface Bucket<T> {
  /** By the whole path. */
  exact: Map<string, Slot<T>> | undefined
  /** By a prefix that ends in a slash. */
  folders: Map<string, Slot<T>> | undefined
  /** By any other prefix; which of them a path has, the tree tells. */
  prefixes: Map<string, Slot<T>> | undefined
}

type PatternKind = keyof Bucket<unknown>

/**
 * Finds the most specific pattern of a bucket that takes a request. Exact uris and prefixes that end in
 * a slash, which is nearly all of them, are in hash maps: a look-up costs a probe per slash of the path,
 * however many routes there are, and a change costs a microsecond. Prefixes that end within a
 * segment (`/shop*`) are in a radix tree (prefix-index.ts), which all hosts share. From 1 000 to
 * 100 000 routes, all in a tree, a look-up took three times as long: every node of it is a function
 * of its own.
 */
export class PatternIndex<T> {
  readonly #buckets = new Map<number, Bucket<T>>()
  readonly #tree: PrefixIndex<T>
  /** How many folders there are of each length, in all buckets: only those lengths are tried. */
  readonly #folderLengths = new Uint32Array(MAX_URI_LENGTH + 1)
  #longestFolder = 0
  /** Slots of all buckets. */
  #used = 0

  constructor(schedule: Schedule) {
    this.#tree = new PrefixIndex<T>(schedule)
  }

  /** Distinct pairs of host and pattern, and prefixes that wait for the tree's next rebuild. */
  get patterns(): number {
    return this.#used + this.#tree.unused
  }

  add(host: number, uri: UriPattern, entry: SlotEntry<T>): void {
    const bucket = this.#bucket(host)
    const { literal } = uri
    const kind = kindOf(uri)
    bucket[kind] ??= new Map()
    let slot = bucket[kind].get(literal)
    if (slot === undefined) {
      slot = new Slot<T>()
      bucket[kind].set(literal, slot)
      this.#appear(kind, literal)
    }
    slot.add(entry)
  }

  remove(host: number, uri: UriPattern, entry: SlotEntry<T>): void {
    const bucket = this.#buckets.get(host)
    if (bucket === undefined) return
    const { literal } = uri
    const kind = kindOf(uri)
    const slot = bucket[kind]?.get(literal)
    slot?.remove(entry)
    if (slot?.isEmpty && bucket[kind]?.delete(literal)) this.#vanish(kind, literal)
    const isEmpty = !bucket.exact?.size && !bucket.folders?.size && !bucket.prefixes?.size
    if (isEmpty) this.#buckets.delete(host)
  }

  find(host: number, request: MatchRequest, stopsAtBody: boolean): SlotEntry<T> | undefined {
    const bucket = this.#buckets.get(host)
    if (bucket === undefined) return undefined
    const exact = bucket.exact?.get(request.path)?.pick(request, stopsAtBody)
    if (exact !== undefined) return exact
    const { folders, prefixes } = bucket
    const folder = folders && this.#findFolder(folders, request, stopsAtBody)
    if (!prefixes?.size) return folder
    const other = this.#tree.find(prefixes, request, stopsAtBody)
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

  #bucket(host: number): Bucket<T> {
    const known = this.#buckets.get(host)
    if (known !== undefined) return known
    const bucket: Bucket<T> = { exact: undefined, folders: undefined, prefixes: undefined }
    this.#buckets.set(host, bucket)
    return bucket
  }

  #appear(kind: PatternKind, literal: string): void {
    this.#used++
    if (kind === 'prefixes') this.#tree.add(literal)
    if (kind !== 'folders') return
    const { length } = literal
    this.#folderLengths[length] = (this.#folderLengths[length] ?? 0) + 1
    this.#longestFolder = Math.max(this.#longestFolder, length)
  }

  #vanish(kind: PatternKind, literal: string): void {
    this.#used--
    if (kind === 'prefixes') this.#tree.remove(literal)
    if (kind !== 'folders') return
    this.#folderLengths[literal.length] = (this.#folderLengths[literal.length] ?? 0) - 1
  }
}

function kindOf({ isPrefix, literal }: UriPattern): PatternKind {
  if (!isPrefix) return 'exact'
  return literal.endsWith('/') ? 'folders' : 'prefixes'
}
