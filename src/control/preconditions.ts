import { type Answer, refusal } from './answer.ts'

/** The entity tag of an object, or of a whole configuration: the revision that changed it last. */
export function entityTag(revision: number): string {
  return `"${revision}"`
}

/** Whether `If-Match` allows a write to what is at this revision; undefined = it does not exist. */
export function isMatch(ifMatch: string | undefined, revision: number | undefined): boolean {
  if (ifMatch === undefined) return true
  if (revision === undefined) return false
  return tagsOf(ifMatch).some((tag) => tag === '*' || tag === String(revision))
}

/** Whether `If-None-Match` names this revision: what the client has is current. */
export function isKnown(ifNoneMatch: string | undefined, revision: number | undefined): boolean {
  return ifNoneMatch !== undefined && isMatch(ifNoneMatch, revision)
}

/** What a conditional write asks for and does not find, if it does not; `revision` undefined = no object. */
export function checkPreconditions(
  { ifMatch, ifNoneMatch }: { ifMatch: string | undefined; ifNoneMatch: string | undefined },
  revision: number | undefined,
): Answer | undefined {
  if (!isMatch(ifMatch, revision)) {
    const found = revision === undefined ? 'there is none' : `it is at revision ${revision}`
    return refusal(412, `the object is not as If-Match asks: ${found}`)
  }
  if (isKnown(ifNoneMatch, revision)) {
    return refusal(412, `the object is what If-None-Match excludes: it is at revision ${revision}`)
  }
  return undefined
}

/** Also without quotes, and weak: a revision is as strong as a tag can be. */
function tagsOf(field: string): string[] {
  return field.split(',').map((tag) => tag.trim().replace(/^(?:W\/)?"(.*)"$/, '$1'))
}
