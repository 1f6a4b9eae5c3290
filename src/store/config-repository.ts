import pg from 'pg'
import { EMPTY_DIGEST } from '../model/digest.ts'
import { ConfigError } from '../model/errors.ts'
import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import type { RevisionMark } from '../model/revision.ts'
import { SNAPSHOT_FORMAT, type Snapshot } from '../model/snapshot.ts'
import { type DeltaResult, loadDeltas } from './config-deltas.ts'
import {
  type DocumentRow,
  READ_DOCUMENT,
  type StoredDocument,
  toDocument,
} from './config-document.ts'
import {
  RESOURCE_COLUMNS,
  type ResourceRow,
  readResources,
  type StoredResource,
  toStored,
} from './config-pages.ts'
import type { ConfigTransaction } from './config-transaction.ts'
import type { Database } from './database.ts'
import { PendingRevision } from './pending-revision.ts'
import type { Transaction } from './transaction.ts'

export type { StoredDocument } from './config-document.ts'
export type { StoredResource } from './config-pages.ts'
export type { ConfigTransaction, ResourceKey } from './config-transaction.ts'

const KEEP_REVISIONS = 10_000
/** Bound of reads that take several statements. */
const LONG_READ_MS = 60_000

/** What became of a write. */
export interface WriteResult<T> {
  /** What `decide` returned. */
  result: T
  /** The head after the write; the old head when nothing changed. */
  mark: RevisionMark
  changed: boolean
}

/** How a write is bounded. */
export interface WriteOptions {
  /** Of the whole transaction; each statement has the deadline of all statements. */
  timeoutMs?: number
}

/** The configuration of all gateway groups in PostgreSQL. All methods may throw StoreError. */
export interface ConfigRepository {
  /**
   * Runs `decide` in a transaction that holds the group's lock, and writes what it changed as one
   * revision, with one hint. When it throws, nothing is written. It may run twice (the connection
   * broke before COMMIT), so it must have no effects of its own.
   */
  write<T>(
    group: string,
    actor: string,
    decide: (tx: ConfigTransaction) => Promise<T>,
    options?: WriteOptions,
  ): Promise<WriteResult<T>>
  get(group: string, kind: ResourceKind, id: string): Promise<StoredResource | undefined>
  /** In order of id. */
  list(group: string, kind: ResourceKind): Promise<StoredResource[]>
  /** Undefined when nobody ever wrote to the group, or followed it. */
  readHead(group: string): Promise<RevisionMark | undefined>
  /** What the author of the whole configuration said of it, see ConfigTransaction. */
  readDocument(group: string): Promise<StoredDocument | undefined>
  listGroups(): Promise<string[]>
  /** The whole configuration of a moment. Creates the head of a new group, so that its epoch is fixed. */
  loadSnapshot(group: string): Promise<Snapshot>
  /** What happened after `since`, at most `limit` revisions of it. */
  loadDeltas(group: string, since: RevisionMark, limit: number): Promise<DeltaResult>
}

export interface ConfigRepositoryOptions {
  /** Revisions per group that the log keeps. Default 10 000. */
  keepRevisions?: number
}

interface HeadRow {
  epoch: string
  revision: string
  digest: string
}

const SELECT_HEAD = 'SELECT epoch, revision, digest FROM config_head WHERE group_id ='
const CREATE_HEAD = `INSERT INTO config_head (group_id, digest) VALUES ($1, '${EMPTY_DIGEST}')
  ON CONFLICT DO NOTHING`
const READ = { repeatable: true }

/** Creates the repository; it keeps no state of its own. */
export function createConfigRepository(
  database: Database,
  { keepRevisions = KEEP_REVISIONS }: ConfigRepositoryOptions = {},
): ConfigRepository {
  return {
    write(group, actor, decide, options) {
      const opening = `${SELECT_HEAD} ${pg.escapeLiteral(checkedGroup(group))} FOR UPDATE`
      return database.transaction(
        async (tx) => {
          const head = await lockedHead(tx, group)
          const pending = new PendingRevision(tx, group, head)
          const result = await decide(pending)
          const mark = await pending.flush(actor, keepRevisions)
          return { result, mark: mark ?? head, changed: mark !== undefined }
        },
        { opening, ...options },
      )
    },

    async get(group, kind, id) {
      const [row] = await database.query<ResourceRow>(
        `SELECT ${RESOURCE_COLUMNS} FROM config_resource
          WHERE group_id = $1 AND kind = $2 AND id = $3`,
        [group, kind, id],
        READ,
      )
      return row && toStored(row)
    },

    async list(group, kind) {
      const resources: StoredResource[] = []
      checkedGroup(group)
      await readTransaction(database, (tx) => {
        resources.length = 0
        return readResources(tx, group, kind, (_kind, _id, resource) => resources.push(resource))
      })
      return resources
    },

    async readHead(group) {
      const [row] = await database.query<HeadRow>(`${SELECT_HEAD} $1`, [group], READ)
      return row && toMark(row)
    },

    async readDocument(group) {
      const [row] = await database.query<DocumentRow>(READ_DOCUMENT, [group], READ)
      return row && toDocument(row)
    },

    async listGroups() {
      const rows = await database.query<{ group_id: string }>(
        'SELECT group_id FROM config_head ORDER BY group_id',
        [],
        READ,
      )
      return rows.map((row) => row.group_id)
    },

    async loadSnapshot(group) {
      const snapshot = await readSnapshot(database, group)
      if (snapshot) return snapshot
      await database.query(CREATE_HEAD, [checkedGroup(group)], READ)
      return (await readSnapshot(database, group)) ?? this.loadSnapshot(group)
    },

    loadDeltas: (group, since, limit) => loadDeltas(database, group, since, limit),
  }
}

/** The group's row, locked: writers of one group take turns from here to their commit. */
async function lockedHead(tx: Transaction, group: string): Promise<RevisionMark> {
  const [opened] = tx.opening as unknown as HeadRow[]
  if (opened) return toMark(opened)
  await tx.query(CREATE_HEAD, [group])
  const [created] = await tx.query<HeadRow>(`${SELECT_HEAD} $1 FOR UPDATE`, [group])
  return toMark(created as HeadRow)
}

async function readSnapshot(database: Database, group: string): Promise<Snapshot | undefined> {
  return readTransaction(database, async (tx) => {
    const [head] = await tx.query<HeadRow>(`${SELECT_HEAD} $1`, [group])
    if (head === undefined) return undefined
    const generatedAt = new Date().toISOString()
    const snapshot: Snapshot = {
      _meta: { format: SNAPSHOT_FORMAT, group, ...toMark(head), generatedAt },
    }
    await readResources(tx, group, undefined, (kind, _id, { body }) => {
      bodiesOf(snapshot, kind).push(body)
    })
    return snapshot
  })
}

function bodiesOf(snapshot: Snapshot, kind: ResourceKind): ResourceBody[] {
  const bodies = snapshot[kind] ?? []
  snapshot[kind] = bodies
  return bodies
}

function readTransaction<T>(database: Database, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return database.transaction(work, {
    isolation: 'repeatable read',
    readOnly: true,
    timeoutMs: LONG_READ_MS,
  })
}

function toMark({ epoch, revision, digest }: HeadRow): RevisionMark {
  return { epoch, revision: Number(revision), digest }
}

/** The group's name goes into SQL text, which ends at a NUL. */
function checkedGroup(group: string): string {
  if (group !== '' && group.isWellFormed() && !group.includes('\0')) return group
  throw new ConfigError('GW_CONFIG_INVALID', 'the name of a gateway group must be plain text')
}
