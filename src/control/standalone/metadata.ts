import type { StoredDocument } from '../../store/config-repository.ts'

/** Not the HTTP header Last-Modified, which caches act on. */
const LAST_MODIFIED = 'X-Last-Modified'
const DIGEST = 'X-Digest'

/** Fields of a document that say something of it. */
export const METADATA: readonly string[] = [LAST_MODIFIED, DIGEST]

/** Those of what is stored; none when it was never written as a whole, or has been changed otherwise since. */
export function metadataOf(
  document: StoredDocument | undefined,
  revision: number | undefined,
): Record<string, string | number> {
  if (document === undefined || document.revision !== revision) return {}
  return { [LAST_MODIFIED]: document.lastModified, [DIGEST]: document.digest }
}

/** The same as headers. */
export function metadataHeaders(
  document: StoredDocument | undefined,
  revision: number | undefined,
): Record<string, string> {
  const fields = Object.entries(metadataOf(document, revision))
  return Object.fromEntries(fields.map(([name, value]) => [name, String(value)]))
}
