import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import type { RevisionMark } from '../model/revision.ts'
import type { Database } from './database.ts'

/** One revision, without what it changed. */
interface RevisionSummary {
  revision: number
  /** ISO 8601, by the database's clock. */
  at: string
  actor: string
  digest: string
  changes: number
}

/** What a revision did to one object. */
export interface LoggedChange {
  /** Its number in the revision, from 0. */
  seq: number
  kind: ResourceKind
  id: string
  /** Undefined = there was none. */
  before: ResourceBody | undefined
  /** Undefined = deleted. */
  after: ResourceBody | undefined
}

/** The group's head, and how far back its log reaches. */
interface LogExtent {
  head: RevisionMark
  /** Oldest revision in the log; undefined when it is empty. */
  oldest: number | undefined
}

/** The history of the groups, as far as the log reaches back. All methods may throw StoreError. */
export interface RevisionLog {
  /** Undefined when nobody ever wrote to the group, or followed it. */
  extent(group: string): Promise<LogExtent | undefined>
  /** Newest first, those before `before`. */
  list(group: string, page: { before?: number; limit: number }): Promise<RevisionSummary[]>
  get(group: string, revision: number): Promise<RevisionSummary | undefined>
  /** In order of `seq`, those after `after`. */
  changes(
    group: string,
    revision: number,
    page?: { after?: number; limit?: number },
  ): Promise<LoggedChange[]>
  /** `kind/id` of what a revision changed. */
  changedKeys(group: string, revision: number): Promise<Set<string>>
  /** What the log says the digests of these revisions are; those it does not have are left out. */
  digests(group: string, revisions: readonly number[]): Promise<Map<number, string>>
}

interface SummaryRow {
  revision: string
  at: Date
  actor: string
  digest: string
  changes: string
}

interface ChangeRow {
  seq: number
  kind: ResourceKind
  id: string
  before: string | null
  after: string | null
}

const SUMMARY = `
  SELECT revision, min(at) AS at, min(actor) AS actor, min(digest) AS digest, count(*) AS changes
    FROM config_log WHERE group_id = $1`

const EXTENT = `
  SELECT h.epoch, h.revision, h.digest,
         (SELECT min(l.revision) FROM config_log l WHERE l.group_id = h.group_id) AS oldest
    FROM config_head h WHERE h.group_id = $1`

const READ = { repeatable: true }

/** Creates the log's reader; it keeps no state of its own. */
export function createRevisionLog(database: Database): RevisionLog {
  return {
    async extent(group) {
      const [row] = await database.query<{
        epoch: string
        revision: string
        digest: string
        oldest: string | null
      }>(EXTENT, [group], READ)
      if (row === undefined) return undefined
      const { epoch, revision, digest, oldest } = row
      return {
        head: { epoch, revision: Number(revision), digest },
        oldest: oldest === null ? undefined : Number(oldest),
      }
    },

    async list(group, { before, limit }) {
      const rows = await database.query<SummaryRow>(
        `${SUMMARY} AND ($2::bigint IS NULL OR revision < $2)
          GROUP BY revision ORDER BY revision DESC LIMIT $3`,
        [group, before ?? null, limit],
        READ,
      )
      return rows.map(toSummary)
    },

    async get(group, revision) {
      const rows = await database.query<SummaryRow>(
        `${SUMMARY} AND revision = $2 GROUP BY revision`,
        [group, revision],
        READ,
      )
      return rows.map(toSummary)[0]
    },

    async changes(group, revision, { after = -1, limit } = {}) {
      const rows = await database.query<ChangeRow>(
        `SELECT seq, kind, id, before::text AS before, body::text AS after FROM config_log
          WHERE group_id = $1 AND revision = $2 AND seq > $3 ORDER BY seq LIMIT $4`,
        [group, revision, after, limit ?? null],
        READ,
      )
      return rows.map((row) => ({
        ...{ seq: row.seq, kind: row.kind, id: row.id },
        ...{ before: parse(row.before), after: parse(row.after) },
      }))
    },

    async changedKeys(group, revision) {
      const rows = await database.query<{ kind: ResourceKind; id: string }>(
        'SELECT kind, id FROM config_log WHERE group_id = $1 AND revision = $2',
        [group, revision],
        READ,
      )
      return new Set(rows.map(({ kind, id }) => `${kind}/${id}`))
    },

    async digests(group, revisions) {
      const rows = await database.query<{ revision: string; digest: string }>(
        `SELECT revision, digest FROM config_log
          WHERE group_id = $1 AND seq = 0 AND revision = ANY ($2::bigint[])`,
        [group, revisions],
        READ,
      )
      return new Map(rows.map(({ revision, digest }) => [Number(revision), digest]))
    },
  }
}

function toSummary({ revision, at, actor, digest, changes }: SummaryRow): RevisionSummary {
  return {
    ...{ revision: Number(revision), at: at.toISOString() },
    ...{ actor, digest, changes: Number(changes) },
  }
}

function parse(text: string | null): ResourceBody | undefined {
  return text === null ? undefined : JSON.parse(text)
}
