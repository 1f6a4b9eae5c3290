import { EMPTY_DIGEST } from '../model/digest.ts'
import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import type { Change, Delta, RevisionMark } from '../model/revision.ts'
import type { Database } from './database.ts'

/**
 * Why deltas cannot lead on from where a reader is; it must load a snapshot.
 * - `missing`: the database knows nothing of the group.
 * - `epoch`: history was rewound, or this is another database.
 * - `ahead`: the reader has revisions that the database has not (failover that lost writes).
 * - `digest`: same revision, other content.
 * - `trimmed`: the log does not reach back so far. The only one that is no divergence.
 */
export type ResyncReason = 'missing' | 'epoch' | 'ahead' | 'digest' | 'trimmed'

/** Deltas that follow on the reader's revision, none when it is at the head; or why not. */
export type DeltaResult =
  | { deltas: Delta[]; more: boolean; resync?: never }
  | { resync: ResyncReason; deltas?: never }

interface LogRow {
  epoch: string
  head_revision: string
  head_digest: string
  revision: string | null
  kind: ResourceKind
  id: string
  op: 'put' | 'delete'
  text: string | null
  digest: string
}

/** One statement, so that head and log are of the same moment. Of `since` itself only the digest is read. */
const READ_LOG = `
  SELECT h.epoch, h.revision AS head_revision, h.digest AS head_digest,
         l.revision, l.kind, l.id, l.op, l.digest,
         CASE WHEN l.revision > $2 THEN l.body::text END AS text
    FROM config_head h
    LEFT JOIN config_log l ON l.group_id = h.group_id
     AND ((l.revision = $2 AND l.seq = 0) OR (l.revision > $2 AND l.revision <= $2 + $3))
   WHERE h.group_id = $1
   ORDER BY l.revision, l.seq`

/** Reads at most `limit` revisions after `since`. */
export async function loadDeltas(
  database: Database,
  group: string,
  since: RevisionMark,
  limit: number,
): Promise<DeltaResult> {
  const rows = await database.query<LogRow>(READ_LOG, [group, since.revision, limit], {
    repeatable: true,
  })
  const [first] = rows
  if (first === undefined) return { resync: 'missing' }
  const head = Number(first.head_revision)
  const resync = whyResync(first, since, head)
  if (resync !== undefined) return { resync }
  if (head === since.revision) return { deltas: [], more: false }
  const deltas = toDeltas(rows, since)
  const last = since.revision + deltas.length
  return deltas.length === 0 ? { resync: 'trimmed' } : { deltas, more: last < head }
}

function whyResync(first: LogRow, since: RevisionMark, head: number): ResyncReason | undefined {
  if (first.epoch !== since.epoch) return 'epoch'
  if (since.revision > head) return 'ahead'
  const digest = digestAt(first, since.revision, head)
  if (digest === undefined) return 'trimmed'
  return digest === since.digest ? undefined : 'digest'
}

/** What the database says its content was at a revision, as far as it remembers. */
function digestAt(first: LogRow, revision: number, head: number): string | undefined {
  if (revision === head) return first.head_digest
  if (revision === 0) return EMPTY_DIGEST
  return Number(first.revision) === revision ? first.digest : undefined
}

/** Groups rows by revision, as long as they follow on each other without a gap. */
function toDeltas(rows: LogRow[], since: RevisionMark): Delta[] {
  const deltas: Delta[] = []
  for (const row of rows) {
    const revision = Number(row.revision)
    if (revision <= since.revision) continue
    let delta = deltas.at(-1)
    if (delta?.to.revision !== revision) {
      if (revision !== since.revision + deltas.length + 1) break
      delta = { to: { epoch: since.epoch, revision, digest: row.digest }, changes: [] }
      deltas.push(delta)
    }
    delta.changes.push(toChange(row))
  }
  return deltas
}

function toChange({ op, kind, id, text }: LogRow): Change {
  if (op === 'delete') return { op, kind, id }
  return { op, kind, id, body: JSON.parse(text ?? 'null') as ResourceBody }
}
