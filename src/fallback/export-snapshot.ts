import type { RevisionMark } from '../model/revision.ts'
import type { Snapshot, SnapshotMeta } from '../model/snapshot.ts'
import {
  decodeHead,
  type ExportedSnapshot,
  type ExportHead,
  headKey,
  isNewerFormat,
  LAYOUT_FORMAT,
  snapshotKey,
} from './object-layout.ts'
import type { ObjectStore } from './object-store.ts'
import { encodeSnapshotObject } from './snapshot-object.ts'
import { StoreFailure } from './store-failure.ts'

/** Snapshots that stay beside the newest one: what an importer falls back on. */
const KEEP_PREVIOUS = 4
const MAX_HEAD_BYTES = 64 * 1024

/** The right to export, held by one control plane at a time; see store/leader-lock.ts. */
export interface Leadership {
  /** Asked again before each write that can't be taken back. */
  readonly isHeld: boolean
  /** Timeline of the PostgreSQL that granted it; 0 = unknown. */
  readonly timeline: number
}

export interface ExportParts {
  store: ObjectStore
  bucket: string
  group: string
  leadership: Leadership
  loadSnapshot: (group: string) => Promise<Snapshot>
}

/** HEAD.json as it is in the store; `head` is missing when nothing can be made of it. */
interface FoundHead {
  exists: boolean
  etag: string | undefined
  head?: ExportHead
}

/**
 * Puts the group's configuration into the store, if it is not there yet, and renews HEAD.json.
 * The order makes it safe: HEAD is read first, the database after it, the snapshot is written, and
 * HEAD last, only over the version that was read. So whoever was frozen in between, or has lost
 * the leadership without knowing, can not put an older revision over a newer one.
 * @throws StoreFailure, or what `loadSnapshot` throws.
 */
export async function exportSnapshot(parts: ExportParts): Promise<ExportHead> {
  const { store, bucket, group, leadership, loadSnapshot } = parts
  const found = await findHead(store, bucket, group)
  const { timeline } = leadership
  const snapshot = await loadSnapshot(group)
  const meta = snapshot._meta
  if (found.head !== undefined) refuseToRewind(found.head, meta, timeline)

  const entry = await putSnapshot(parts, snapshot, found.head)
  const previous = previousOf(found.head, entry)
  const head: ExportHead = {
    format: LAYOUT_FORMAT,
    group,
    ...entry,
    timeline,
    writtenAt: new Date().toISOString(),
    previous: previous.slice(0, KEEP_PREVIOUS),
  }
  await putHead(parts, head, found)
  for (const { key } of previous.slice(KEEP_PREVIOUS)) {
    // Too many objects do no harm; the entry is gone from HEAD, so it is not tried again.
    await store.delete({ bucket, key }).catch(() => {})
  }
  return head
}

async function findHead(store: ObjectStore, bucket: string, group: string): Promise<FoundHead> {
  const object = await store.get({ bucket, key: headKey(group) }, MAX_HEAD_BYTES)
  if (object === undefined) return { exists: false, etag: undefined }
  const { bytes, etag } = object
  if (isNewerFormat(bytes)) {
    throw new StoreFailure('changed', `${headKey(group)} was written by a newer Holdfast`)
  }
  try {
    return { exists: true, etag, head: decodeHead(bytes, group) }
  } catch {
    // Damaged: it names nothing that could be lost.
    return { exists: true, etag }
  }
}

/** @throws StoreFailure when what is exported is not to be replaced by what the database holds. */
function refuseToRewind(head: ExportHead, meta: SnapshotMeta, timeline: number): void {
  const refuse = (why: string) => new StoreFailure('changed', `not exported: ${why}`)
  if (head.epoch !== meta.epoch) {
    if (meta.revision > 0) return
    throw refuse('the database is empty, and the export of another history is worth more')
  }
  const comparable = head.timeline > 0 && timeline > 0
  if (comparable && head.timeline > timeline) {
    throw refuse(
      `the export is of a later primary (timeline ${head.timeline}) than this database (${timeline})`,
    )
  }
  // A promoted standby may lack the last revisions: it is the truth nevertheless.
  const promoted = comparable && timeline > head.timeline
  if (head.revision > meta.revision && !promoted) {
    throw refuse(
      `the export (revision ${head.revision}) is newer than the database (${meta.revision})`,
    )
  }
}

async function putSnapshot(
  { store, bucket, group }: ExportParts,
  snapshot: Snapshot,
  head: ExportHead | undefined,
): Promise<ExportedSnapshot> {
  const { epoch, revision, digest } = snapshot._meta
  const mark = { epoch, revision, digest }
  if (head !== undefined && isSame(head, mark)) {
    const { key, sha256, size } = head
    // Somebody may have deleted or replaced it.
    if ((await store.readSha256({ bucket, key })) === sha256) return { ...mark, key, sha256, size }
  }
  const { bytes, sha256 } = await encodeSnapshotObject(snapshot)
  const key = snapshotKey(group, mark)
  await store.put({ bucket, key }, bytes, { contentType: 'application/gzip', sha256 })
  return { ...mark, key, sha256, size: bytes.length }
}

function isSame(a: RevisionMark, b: RevisionMark): boolean {
  return a.epoch === b.epoch && a.revision === b.revision && a.digest === b.digest
}

/** What HEAD names beside `entry`, newest first. */
function previousOf(head: ExportHead | undefined, entry: ExportedSnapshot): ExportedSnapshot[] {
  if (head === undefined) return []
  const { epoch, revision, digest, key, sha256, size } = head
  const last = { epoch, revision, digest, key, sha256, size }
  return [last, ...head.previous].filter((candidate) => candidate.key !== entry.key)
}

/** Conditional where the store can do that; looked at again just before for those that can't. */
async function putHead(
  { store, bucket, group, leadership }: ExportParts,
  head: ExportHead,
  found: FoundHead,
): Promise<void> {
  const name = { bucket, key: headKey(group) }
  const now = await store.get(name, MAX_HEAD_BYTES)
  if ((now !== undefined) !== found.exists || now?.etag !== found.etag) {
    throw new StoreFailure('changed', 'another control plane exported meanwhile')
  }
  if (!leadership.isHeld) throw new StoreFailure('changed', 'the leadership was lost meanwhile')
  const text = `${JSON.stringify(head, undefined, 2)}\n`
  const contentType = 'application/json'
  try {
    await store.put(name, text, { contentType, over: found.exists ? found.etag : null })
  } catch (error) {
    if (!(error instanceof StoreFailure && error.kind === 'unsupported')) throw error
    await store.put(name, text, { contentType })
  }
}
