import { ContentDigest } from '../model/digest.ts'
import { ConfigError } from '../model/errors.ts'
import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import type { RevisionMark } from '../model/revision.ts'
import { TimeSlice } from '../support/time-slice.ts'
import { findUnsafeJson } from '../support/unsafe-json.ts'
import {
  type ConfigDocument,
  type DocumentRow,
  READ_DOCUMENT,
  type StoredDocument,
  toDocument,
  WRITE_DOCUMENT,
} from './config-document.ts'
import {
  RESOURCE_COLUMNS,
  type ResourceRow,
  readResources,
  type StoredResource,
  toStored,
} from './config-pages.ts'
import type {
  ConfigTransaction,
  PastResource,
  Referrer,
  ResourceKey,
} from './config-transaction.ts'
import { PendingReferences } from './pending-references.ts'
import { batchesOf, WRITE_CHANGES, WRITE_LAST } from './revision-batches.ts'
import type { Transaction } from './transaction.ts'

/** Channel of the hints; payload `{"group":…,"revision":…}`. */
export const NOTIFY_CHANNEL = 'holdfast_config'

/** Objects that one statement reads. */
const READ_BATCH = 2_000

interface Entry {
  kind: ResourceKind
  id: string
  /** As stored before; undefined = it did not exist; absent = not read yet. */
  before?: StoredResource | undefined
  /** As this transaction leaves it: `null` = deleted; absent = untouched. */
  after?: ResourceBody | null
}

/** Collects the changes of one transaction and writes them as one revision. */
export class PendingRevision implements ConfigTransaction {
  readonly #tx: Transaction
  readonly #group: string
  readonly #head: RevisionMark
  readonly #entries = new Map<string, Entry>()
  #document: ConfigDocument | undefined
  readonly #pending = new PendingReferences()

  constructor(tx: Transaction, group: string, head: RevisionMark) {
    this.#tx = tx
    this.#group = group
    this.#head = head
  }

  get revision(): number {
    return this.#head.revision
  }

  async get(kind: ResourceKind, id: string): Promise<StoredResource | undefined> {
    const entry = this.#entry(kind, id)
    if (!('before' in entry)) await this.#readBefore([entry])
    return this.#current(entry)
  }

  async prefetch(keys: readonly ResourceKey[]): Promise<void> {
    const entries = new Set<Entry>()
    const slice = new TimeSlice()
    for (const { kind, id } of keys) {
      const entry = this.#entry(kind, id)
      if (!('before' in entry)) entries.add(entry)
      if (slice.due) await slice.pause()
    }
    await this.#readBefore([...entries])
  }

  async referrers(targets: readonly ResourceKey[], limit?: number): Promise<Referrer[]> {
    const keys = targets.map(({ kind, id }) => `${kind}/${id}`)
    const touched = this.#pending.touched
    const rows = await this.#tx.query<{ kind: ResourceKind; id: string; text: string }>(
      READ_REFERRERS,
      // Those that this transaction changes have a say of their own, and would use up the limit.
      [this.#group, keys, touched.size === 0 ? (limit ?? null) : null],
    )
    const stored = rows.filter((row) => !touched.has(`${row.kind}/${row.id}`))
    const found = [
      ...stored.map((row) => ({ kind: row.kind, id: row.id, body: JSON.parse(row.text) })),
      ...this.#pending.referrers(keys),
    ]
    return found.slice(0, limit)
  }

  async list(kind: ResourceKind): Promise<StoredResource[]> {
    const found = new Map<string, StoredResource>()
    await readResources(this.#tx, this.#group, kind, (_kind, id, resource) => {
      found.set(id, resource)
    })
    for (const entry of this.#entries.values()) {
      if (entry.kind !== kind || entry.after === undefined) continue
      entry.before = found.get(entry.id)
      const current = this.#current(entry)
      if (current === undefined) found.delete(entry.id)
      else found.set(entry.id, current)
    }
    return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, resource]) => resource)
  }

  put(kind: ResourceKind, id: string, body: ResourceBody): void {
    const unsafe = findUnsafeJson(body)
    if (unsafe !== undefined) {
      const where = [kind, id, ...unsafe.path].join('.')
      throw new ConfigError('GW_CONFIG_INVALID', `${where}: ${unsafe.problem}`)
    }
    this.#entry(kind, id).after = body
    this.#pending.put(kind, id, body)
  }

  async delete(kind: ResourceKind, id: string): Promise<boolean> {
    if ((await this.get(kind, id)) === undefined) return false
    this.#entry(kind, id).after = null
    this.#pending.delete(kind, id)
    return true
  }

  async restore(revision: number): Promise<PastResource[] | undefined> {
    const [known] = await this.#tx.query(
      'SELECT FROM config_log WHERE group_id = $1 AND revision = $2 LIMIT 1',
      [this.#group, revision],
    )
    if (known === undefined) return undefined
    const rows = await this.#tx.query<PastRow>(READ_PAST, [this.#group, revision])
    return rows.map(({ kind, id, text }) => {
      this.#entry(kind, id).after = text === null ? null : JSON.parse(text)
      return { kind, id, op: text === null ? 'delete' : 'put' }
    })
  }

  async document(): Promise<StoredDocument | undefined> {
    const [row] = await this.#tx.query<DocumentRow>(READ_DOCUMENT, [this.#group])
    return row && toDocument(row)
  }

  setDocument(document: ConfigDocument): void {
    this.#document = document
  }

  /** Writes everything as the next revision, with its hint; undefined when nothing was changed. */
  async flush(actor: string, keepRevisions: number): Promise<RevisionMark | undefined> {
    const touched = [...this.#entries.values()].filter((entry) => entry.after !== undefined)
    await this.#readBefore(touched.filter((entry) => !('before' in entry)))
    const changed = touched.filter((entry) => entry.after !== null || entry.before !== undefined)
    if (changed.length === 0) {
      await this.#writeDocument(this.#head.revision)
      return undefined
    }
    const mark = await this.#next(changed)
    for await (const { changes, isLast } of batchesOf(changed)) {
      const hint = isLast ? JSON.stringify({ group: this.#group, revision: mark.revision }) : null
      await this.#tx.query(isLast ? WRITE_LAST : WRITE_CHANGES, [
        ...[this.#group, mark.revision, mark.digest, actor, changes],
        ...(isLast ? [mark.revision - keepRevisions, NOTIFY_CHANNEL, hint] : []),
      ])
    }
    await this.#writeDocument(mark.revision)
    return mark
  }

  async #writeDocument(revision: number): Promise<void> {
    if (this.#document === undefined) return
    const { digest, lastModified, versions } = this.#document
    await this.#tx.query(WRITE_DOCUMENT, [
      ...[this.#group, revision, digest, lastModified, JSON.stringify(versions)],
    ])
  }

  async #next(changed: Entry[]): Promise<RevisionMark> {
    const digest = new ContentDigest(this.#head.digest)
    const slice = new TimeSlice()
    for (const { kind, id, before, after } of changed) {
      if (before !== undefined) digest.remove(kind, id, before.body)
      if (after) digest.add(kind, id, after)
      if (slice.due) await slice.pause()
    }
    const revision = this.#head.revision + 1
    return { epoch: this.#head.epoch, revision, digest: digest.toString() }
  }

  #entry(kind: ResourceKind, id: string): Entry {
    const key = `${kind}/${id}`
    const entry = this.#entries.get(key) ?? { kind, id }
    this.#entries.set(key, entry)
    return entry
  }

  #current({ before, after }: Entry): StoredResource | undefined {
    if (after === undefined) return before
    if (after === null) return undefined
    const revision = this.#head.revision + 1
    return { body: after, createdRevision: before?.createdRevision ?? revision, revision }
  }

  async #readBefore(entries: Entry[]): Promise<void> {
    const slice = new TimeSlice()
    for (let at = 0; at < entries.length; at += READ_BATCH) {
      const batch = entries.slice(at, at + READ_BATCH)
      const rows = await this.#tx.query<ResourceRow>(
        `SELECT ${RESOURCE_COLUMNS} FROM config_resource
          WHERE group_id = $1
            AND (kind, id) IN (SELECT * FROM unnest($2::text[], $3::text[]))`,
        [this.#group, batch.map(({ kind }) => kind), batch.map(({ id }) => id)],
      )
      for (const entry of batch) entry.before = undefined
      for (const row of rows) {
        this.#entry(row.kind, row.id).before = toStored(row)
        if (slice.due) await slice.pause()
      }
    }
  }
}

/** Materialized: for the sake of the order, the planner would rather look through all objects. */
const READ_REFERRERS = `
  WITH found AS MATERIALIZED (
    SELECT kind, id FROM config_resource WHERE group_id = $1 AND refers_to && $2::text[]
  )
  SELECT kind, id,
         (SELECT r.body::text FROM config_resource r
           WHERE r.group_id = $1 AND r.kind = found.kind AND r.id = found.id) AS text
    FROM found ORDER BY kind, id LIMIT $3`

interface PastRow {
  kind: ResourceKind
  id: string
  /** Null = it was not there. */
  text: string | null
}

/** What later revisions first found is what an earlier one left: but only what is different now. */
const READ_PAST = `
  SELECT past.kind, past.id, past.before::text AS text
    FROM (SELECT DISTINCT ON (kind, id) kind, id, before FROM config_log
           WHERE group_id = $1 AND revision > $2 ORDER BY kind, id, revision, seq) past
    LEFT JOIN config_resource r
      ON r.group_id = $1 AND r.kind = past.kind AND r.id = past.id
   WHERE r.body IS DISTINCT FROM past.before
   ORDER BY past.kind, past.id`
