import pg from 'pg'
import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import { TimeSlice } from '../support/time-slice.ts'
import type { Transaction } from './transaction.ts'

const FIRST_PAGE = 200
const MAX_PAGE = 2000
/** Text aimed at per page: large objects come in smaller pages. */
const PAGE_CHARS = 512 * 1024

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
 * slices, so that a large configuration does not stall the event loop. Through a cursor: the plan
 * runs once, whatever the planner believes of a table that was never analysed.
 */
export async function readResources(
  tx: Transaction,
  group: string,
  kind: ResourceKind | undefined,
  onResource: (kind: ResourceKind, id: string, resource: StoredResource) => void,
): Promise<void> {
  await tx.query(
    `DECLARE resources NO SCROLL CURSOR FOR
     SELECT ${RESOURCE_COLUMNS} FROM config_resource
      WHERE group_id = ${pg.escapeLiteral(group)}
        ${kind === undefined ? '' : `AND kind = ${pg.escapeLiteral(kind)}`}
      ORDER BY kind, id`,
  )
  const slice = new TimeSlice()
  for (let pageSize = FIRST_PAGE; ; ) {
    const rows = await tx.query<ResourceRow>(`FETCH ${pageSize} FROM resources`)
    let chars = 0
    for (const row of rows) {
      onResource(row.kind, row.id, toStored(row))
      chars += row.text.length
      if (slice.due) await slice.pause()
    }
    if (rows.length < pageSize) break
    const fitting = Math.ceil((PAGE_CHARS * rows.length) / Math.max(1, chars))
    pageSize = Math.max(1, Math.min(fitting, MAX_PAGE, 4 * pageSize))
  }
  await tx.query('CLOSE resources')
}
