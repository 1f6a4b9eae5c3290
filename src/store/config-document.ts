/** What the author of a whole configuration said of it. */
export interface ConfigDocument {
  /** The author's own, by which the same document is told. */
  digest: string
  /** Seconds since the epoch. */
  lastModified: number
  /** By section, in the author's counting. */
  versions: Readonly<Record<string, number>>
}

export interface StoredDocument extends ConfigDocument {
  /** Of the configuration that it was said of. */
  revision: number
}

export interface DocumentRow {
  revision: string
  digest: string
  last_modified: string
  versions: Record<string, number>
}

export const READ_DOCUMENT = `
  SELECT revision, digest, last_modified, versions FROM config_document WHERE group_id = $1`

export const WRITE_DOCUMENT = `
  INSERT INTO config_document (group_id, revision, digest, last_modified, versions)
  VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (group_id) DO UPDATE
    SET revision = excluded.revision, digest = excluded.digest,
        last_modified = excluded.last_modified, versions = excluded.versions`

export function toDocument(row: DocumentRow): StoredDocument {
  const { digest, versions } = row
  return {
    ...{ digest, versions, revision: Number(row.revision) },
    lastModified: Number(row.last_modified),
  }
}
