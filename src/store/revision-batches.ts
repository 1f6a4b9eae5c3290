import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import { TimeSlice } from '../support/time-slice.ts'

/** Objects, and text, that one statement writes: it must end within the deadline of a statement. */
const WRITE_BATCH = 1_000
const WRITE_BATCH_CHARS = 1024 * 1024

interface WrittenObject {
  kind: ResourceKind
  id: string
  /** Null = deleted. */
  after?: ResourceBody | null
}

/** The changes as JSON texts, each of a size that one statement can write. */
export async function* batchesOf(
  changed: readonly WrittenObject[],
): AsyncGenerator<{ changes: string; isLast: boolean }> {
  const slice = new TimeSlice()
  let texts: string[] = []
  let chars = 0
  for (const [seq, { kind, id, after }] of changed.entries()) {
    const text = JSON.stringify({
      ...{ seq, kind, id, op: after === null ? 'delete' : 'put' },
      ...(after !== null && { body: after }),
    })
    if (texts.length === WRITE_BATCH || (chars > 0 && chars + text.length > WRITE_BATCH_CHARS)) {
      yield { changes: `[${texts.join(',')}]`, isLast: false }
      texts = []
      chars = 0
    }
    texts.push(text)
    chars += text.length
    if (slice.due) await slice.pause()
  }
  yield { changes: `[${texts.join(',')}]`, isLast: true }
}

/** Some of the changes of a revision. */
const CHANGES = `
  WITH change AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset($5::jsonb) AS c(seq int, kind text, id text, op text, body jsonb)
  ), logged AS (
    INSERT INTO config_log (group_id, revision, seq, kind, id, op, body, digest, actor, before)
    SELECT $1, $2, seq, kind, id, op, body, $3, $4,
           (SELECT r.body FROM config_resource r
             WHERE r.group_id = $1 AND r.kind = change.kind AND r.id = change.id)
      FROM change
  ), removed AS (
    DELETE FROM config_resource r USING change c
     WHERE c.op = 'delete' AND r.group_id = $1 AND r.kind = c.kind AND r.id = c.id
  ), stored AS (
    INSERT INTO config_resource (group_id, kind, id, body, created_revision, revision)
    SELECT $1, kind, id, body, $2, $2 FROM change WHERE op = 'put'
    ON CONFLICT (group_id, kind, id) DO UPDATE SET body = excluded.body, revision = excluded.revision
  )`

/** One batch, but the last. */
export const WRITE_CHANGES = `${CHANGES} SELECT 1`

/** With the last of them (for most revisions: all) goes the rest, in one round trip; the hint leaves with the commit. */
export const WRITE_LAST = `${CHANGES}, head AS (
    UPDATE config_head SET revision = $2, digest = $3, updated_at = now() WHERE group_id = $1
  ), trimmed AS (
    DELETE FROM config_log WHERE group_id = $1 AND revision <= $6
  )
  SELECT pg_notify($7, $8)`
