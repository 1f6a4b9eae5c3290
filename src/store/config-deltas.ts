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
 * - `trimmed`: the log does not reach back so far.
 * - `large`: the next revision changes so much that a snapshot, read and applied in slices, is better.
 * The last two are no divergence.
 */
export type ResyncReason = 'missing' | 'epoch' | 'ahead' | 'digest' | 'trimmed' | 'large'

/** A delta is read, sent and applied at once: 1000 objects of 600 bytes take some 10 ms each time. */
const MAX_DELTA_CHANGES = 1_000
/** Of one read, whatever the number of revisions. */
const MAX_ROWS = 5_000

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
   ORDER BY l.revision, l.seq
   LIMIT ${MAX_ROWS}`

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
  const groups = groupRows(rows, since)
  if (groups.length === 0) return { resync: 'trimmed' }
  const large = groups.findIndex((group) => group.length > MAX_DELTA_CHANGES)
  const fitting = large === -1 ? groups : groups.slice(0, large)
  if (fitting.length === 0) return { resync: 'large' }
  const deltas = fitting.map((group) => toDelta(group, since))
  return { deltas, more: since.revision + deltas.length < head }
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

/**
 * The rows of each revision, as long as they follow on each other without a gap. Where the limit cut
 * a revision, what there is of it stays out, unless it is large already.
 */
function groupRows(rows: LogRow[], since: RevisionMark): LogRow[][] {
  const groups: LogRow[][] = []
  for (const row of rows) {
    const revision = Number(row.revision)
    if (revision <= since.revision) continue
    const group = groups.at(-1)
    if (group !== undefined && group[0]?.revision === row.revision) group.push(row)
    else if (revision === since.revision + groups.length + 1) groups.push([row])
    else break
  }
  const last = groups.at(-1)
  const isCut = rows.length === MAX_ROWS && last !== undefined && last.length <= MAX_DELTA_CHANGES
  return isCut ? groups.slice(0, -1) : groups
}

function toDelta(rows: LogRow[], { epoch }: RevisionMark): Delta {
  const [first] = rows as [LogRow]
  const to = { epoch, revision: Number(first.revision), digest: first.digest }
  return { to, changes: rows.map(toChange) }
}

function toChange({ op, kind, id, text }: LogRow): Change {
  if (op === 'delete') return { op, kind, id }
  return { op, kind, id, body: JSON.parse(text ?? 'null') as ResourceBody }
}
