import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import { TimeSlice } from '../support/time-slice.ts'
import type { Transaction } from './transaction.ts'

const FIRST_PAGE = 200
const MAX_PAGE = 2000
/** Text aimed at per page: large objects come in smaller pages. */
const PAGE_CHARS = 1024 * 1024

/** An object with what the store knows of it. */
export interface StoredResource {
  body: ResourceBody
  /** Revision that created it (anew, after a delete). */
  createdRevision: number
  /** Revision that changed it last. */
  revision: number
}

export interface ResourceRow {
  kind: ResourceKind
  id: string
  /** The body's JSON text: parsed here in slices, where the driver would parse a page at once. */
  text: string
  created_revision: string
  revision: string
}

/** Columns of a ResourceRow. */
export const RESOURCE_COLUMNS = 'kind, id, body::text AS text, created_revision, revision'

export function toStored(row: ResourceRow): StoredResource {
  return {
    body: JSON.parse(row.text),
    createdRevision: Number(row.created_revision),
    revision: Number(row.revision),
  }
}

/**
 * Reads all objects of a group (of one kind, if given) in order of kind and id, in pages and time
 * slices, so that a large configuration does not stall the event loop.
 * `tx` must be repeatable read, or the pages will not fit together.
 */
export async function readResources(
  tx: Transaction,
  group: string,
  kind: ResourceKind | undefined,
  onResource: (kind: ResourceKind, id: string, resource: StoredResource) => void,
): Promise<void> {
  const slice = new TimeSlice()
  let after: { kind: string; id: string } = { kind: kind ?? '', id: '' }
  let pageSize = FIRST_PAGE
  for (;;) {
    const rows = await readPage(tx, { group, kind, after, pageSize })
    let chars = 0
    for (const row of rows) {
      onResource(row.kind, row.id, toStored(row))
      chars += row.text.length
      if (slice.due) await slice.pause()
    }
    const last = rows.at(-1)
    if (last === undefined || rows.length < pageSize) return
    after = last
    const fitting = Math.ceil((PAGE_CHARS * rows.length) / Math.max(1, chars))
    pageSize = Math.max(1, Math.min(fitting, MAX_PAGE, 4 * pageSize))
  }
}

interface Page {
  group: string
  kind: ResourceKind | undefined
  after: { kind: string; id: string }
  pageSize: number
}

function readPage(tx: Transaction, { group, kind, after, pageSize }: Page): Promise<ResourceRow[]> {
  return tx.query<ResourceRow>(
    `SELECT ${RESOURCE_COLUMNS} FROM config_resource
      WHERE group_id = $1 AND (kind, id) > ($2, $3) ${kind === undefined ? '' : 'AND kind = $2'}
      ORDER BY kind, id LIMIT $4`,
    [group, after.kind, after.id, pageSize],
  )
}
