import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { createGzip, gunzip } from 'node:zlib'
import { SNAPSHOT_FORMAT, type Snapshot } from '../model/snapshot.ts'
import { loadConfigState } from '../support/load-config-state.ts'
import type { ExportedSnapshot } from './object-layout.ts'
import { parseLines, snapshotLines } from './snapshot-lines.ts'
import { StoreFailure } from './store-failure.ts'

/** An object larger than this is not downloaded. 100 000 routes take some 5 MiB. */
export const MAX_OBJECT_BYTES = 64 * 1024 * 1024
const MAX_TEXT_BYTES = 400 * 1024 * 1024

/** A snapshot as it is stored. */
export interface EncodedSnapshot {
  bytes: Buffer
  /** Hex. */
  sha256: string
}

/** Compressed JSON, one object a line; made in slices, compressed in the thread pool. */
export async function encodeSnapshotObject(snapshot: Snapshot): Promise<EncodedSnapshot> {
  const hash = createHash('sha256')
  const chunks: Buffer[] = []
  await pipeline(
    snapshotLines(snapshot),
    createGzip(),
    async (compressed: AsyncIterable<Buffer>) => {
      for await (const chunk of compressed) {
        hash.update(chunk)
        chunks.push(chunk)
      }
    },
  )
  return { bytes: Buffer.concat(chunks), sha256: hash.digest('hex') }
}

/**
 * The snapshot that `expected` describes, proved to be it: size, SHA-256, group, mark and content.
 * @throws StoreFailure `invalid` saying what does not fit.
 */
export async function decodeSnapshotObject(
  bytes: Buffer,
  expected: ExportedSnapshot,
  group: string,
): Promise<Snapshot> {
  const invalid = (why: string, cause?: unknown) =>
    new StoreFailure('invalid', `${expected.key} ${why}`, { cause })
  if (bytes.length !== expected.size) {
    throw invalid(`has ${bytes.length} bytes instead of ${expected.size}`)
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  if (sha256 !== expected.sha256) throw invalid('is corrupted: its SHA-256 differs')

  let snapshot: Snapshot
  try {
    const text = await promisify(gunzip)(bytes, { maxOutputLength: MAX_TEXT_BYTES })
    snapshot = (await parseLines(text)) ?? JSON.parse(text.toString('utf8'))
  } catch (cause) {
    throw invalid('is not compressed JSON, or too large', cause)
  }
  const problem = await findMismatch(snapshot, expected, group)
  if (problem !== undefined) throw invalid(problem)
  return snapshot
}

async function findMismatch(
  snapshot: Snapshot,
  { epoch, revision, digest }: ExportedSnapshot,
  group: string,
): Promise<string | undefined> {
  const meta = snapshot?._meta
  if (meta === undefined || meta === null) return 'has no _meta'
  if (!(meta.format <= SNAPSHOT_FORMAT)) {
    return `has format ${meta.format}, at most ${SNAPSHOT_FORMAT} is known`
  }
  if (meta.group !== group) return `is of gateway group ${meta.group}`
  if (meta.epoch !== epoch || meta.revision !== revision) {
    return `is revision ${meta.epoch}/${meta.revision}, not the one its name says`
  }
  const found = await loadConfigState(snapshot).then(
    (state) => state.mark.digest,
    () => 'none',
  )
  return found === digest ? undefined : 'has a content that differs from its digest'
}
