import type { RevisionMark } from '../model/revision.ts'
import { StoreFailure } from './store-failure.ts'

/** Version of HEAD.json and instance.json. */
export const LAYOUT_FORMAT = 1

/** One exported snapshot. */
export interface ExportedSnapshot extends RevisionMark {
  key: string
  /** Of the compressed object, in hex. */
  sha256: string
  /** Bytes of the compressed object. */
  size: number
}

/** `<group>/HEAD.json`: which snapshot is the current one. Written last, so that what it names is there. */
export interface ExportHead extends ExportedSnapshot {
  format: number
  group: string
  /** ISO 8601, UTC; renewed on schedule, so that an old one says that nobody exports any more. */
  writtenAt: string
  /** Timeline of the PostgreSQL that it was read from; counts up with each promotion. */
  timeline: number
  /** The exports before this one, newest first. */
  previous: ExportedSnapshot[]
}

export function headKey(group: string): string {
  return `${group}/HEAD.json`
}

export function snapshotKey(group: string, { epoch, revision }: RevisionMark): string {
  return `${group}/${epoch}/${revision}.json.gz`
}

export function instanceKey(group: string): string {
  return `${group}/instance.json`
}

/** Reads HEAD.json. @throws StoreFailure `invalid` saying what is wrong with it. */
export function decodeHead(bytes: Buffer, group: string): ExportHead {
  const invalid = (why: string) => new StoreFailure('invalid', `${headKey(group)} ${why}`)
  let head: Partial<ExportHead> | null
  try {
    head = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw invalid('is not JSON')
  }
  if (head === null || typeof head !== 'object') throw invalid('is not an object')
  const { format, timeline = 0, previous, writtenAt } = head
  if (!(Number(format) <= LAYOUT_FORMAT)) {
    throw invalid(`has format ${format}, at most ${LAYOUT_FORMAT} is known`)
  }
  if (head.group !== group) throw invalid(`is of gateway group ${head.group}`)
  if (!isExported(head, group)) throw invalid('does not name a snapshot of this group')
  if (Number.isNaN(Date.parse(String(writtenAt)))) throw invalid('does not say when it is of')
  return {
    ...(head as ExportHead),
    timeline: Number.isSafeInteger(timeline) ? timeline : 0,
    previous: Array.isArray(previous) ? previous.filter((entry) => isExported(entry, group)) : [],
  }
}

/** True for HEAD.json of a newer Holdfast: what it means is not ours to say, nor to overwrite. */
export function isNewerFormat(bytes: Buffer): boolean {
  try {
    return JSON.parse(bytes.toString('utf8')).format > LAYOUT_FORMAT
  } catch {
    return false
  }
}

function isExported(value: unknown, group: string): boolean {
  if (value === null || typeof value !== 'object') return false
  const { epoch, revision, digest, key, sha256, size } = value as Partial<ExportedSnapshot>
  return (
    typeof epoch === 'string' &&
    Number.isSafeInteger(revision) &&
    typeof digest === 'string' &&
    typeof sha256 === 'string' &&
    Number.isSafeInteger(size) &&
    // No other key than this, so that a foreign or forged HEAD leads nowhere.
    key === snapshotKey(group, { epoch, revision: Number(revision), digest })
  )
}
