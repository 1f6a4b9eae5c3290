import type { InstanceReport } from '../model/instance.ts'
import type { Database } from './database.ts'

/** Janitors of one database take turns by it; next to the migrations' key. */
const PURGE_LOCK_KEY = 7_301_844_220

/** Which process speaks for an instance. */
export interface InstanceIdentity {
  /** Of the instance; outlives its processes. */
  id: string
  /** Of the process. */
  run: string
}

/** Proof of a claim: when the process took over the instance's row, as the database wrote it. */
export type Claim = string

export interface InstanceHeartbeat extends InstanceIdentity {
  group: string
  uptimeMs: number
  /** The process says good-bye: its instance is not missed. */
  stopped: boolean
  report: InstanceReport
  /** Of the first heartbeat that got through; undefined = take the row over, whoever has it. */
  claim: Claim | undefined
}

/** An instance as its last heartbeat left it. Ages are of the database's clock. */
export interface StoredInstance {
  id: string
  group: string
  startedAt: string
  lastSeen: string
  ageMs: number
  stopped: boolean
  report: InstanceReport
}

/** The rows of the gateway instances. All methods may throw StoreError. */
export interface InstanceRepository {
  /** Undefined when a later process has claimed the same id: then two run under one. */
  report(heartbeat: InstanceHeartbeat): Promise<Claim | undefined>
  /** In order of id, those after `after`; all unless limited. */
  list(group: string, page?: { after?: string; limit?: number }): Promise<StoredInstance[]>
  get(group: string, id: string): Promise<StoredInstance | undefined>
  /** Removes who was last seen longer ago; returns how many, 0 when another janitor is at it. */
  purge(olderThanMs: number): Promise<number>
}

interface InstanceRow {
  id: string
  group_id: string
  started_at: Date
  last_seen: Date
  age_ms: string
  stopped: boolean
  report: InstanceReport
}

/**
 * A heartbeat that is lost with a crash is none the worse: it does not wait for the disk, nor for a
 * standby. The latest claim wins; `claimed_at` and not `run` alone, because after a failover the row
 * may be that of our own predecessor again.
 */
const REPORT = `
  INSERT INTO gateway_instance AS i (id, run, claimed_at, group_id, started_at, stopped, report)
  SELECT $1, $2, coalesce($3::timestamptz, now()), $4, now() - $5 * interval '1 ms', $6, $7::jsonb
    FROM (SELECT set_config('synchronous_commit', 'off', true)) AS asynchronous
  ON CONFLICT (id) DO UPDATE SET
    run = excluded.run, claimed_at = excluded.claimed_at, group_id = excluded.group_id,
    started_at = CASE WHEN i.run = excluded.run THEN i.started_at ELSE excluded.started_at END,
    last_seen = now(), stopped = excluded.stopped, report = excluded.report
  WHERE i.run = excluded.run OR i.claimed_at < excluded.claimed_at OR $3 IS NULL
  RETURNING claimed_at::text AS claim`

const SELECT = `
  SELECT id, group_id, started_at, last_seen, stopped, report,
         extract(epoch FROM now() - last_seen) * 1000 AS age_ms
    FROM gateway_instance`

const PURGE = `
  DELETE FROM gateway_instance WHERE last_seen < now() - $1 * interval '1 ms' RETURNING id`

const READ = { repeatable: true }

/** Creates the repository; it keeps no state of its own. */
export function createInstanceRepository(database: Database): InstanceRepository {
  return {
    async report({ id, run, claim, group, uptimeMs, stopped, report }) {
      const [row] = await database.query<{ claim: Claim }>(
        REPORT,
        [id, run, claim ?? null, group, Math.round(uptimeMs), stopped, JSON.stringify(report)],
        READ,
      )
      return row?.claim
    },

    async list(group, { after, limit } = {}) {
      const rows = await database.query<InstanceRow>(
        `${SELECT} WHERE group_id = $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3`,
        [group, after ?? null, limit ?? null],
        READ,
      )
      return rows.map(toInstance)
    },

    async get(group, id) {
      const rows = await database.query<InstanceRow>(
        `${SELECT} WHERE group_id = $1 AND id = $2`,
        [group, id],
        READ,
      )
      return rows.map(toInstance)[0]
    },

    purge(olderThanMs) {
      return database.transaction(async (tx) => {
        const [lock] = await tx.query<{ taken: boolean }>(
          'SELECT pg_try_advisory_xact_lock($1) AS taken',
          [PURGE_LOCK_KEY],
        )
        return lock?.taken ? (await tx.query(PURGE, [olderThanMs])).length : 0
      })
    },
  }
}

function toInstance(row: InstanceRow): StoredInstance {
  return {
    id: row.id,
    group: row.group_id,
    startedAt: row.started_at.toISOString(),
    lastSeen: row.last_seen.toISOString(),
    ageMs: Number(row.age_ms),
    stopped: row.stopped,
    report: row.report,
  }
}
