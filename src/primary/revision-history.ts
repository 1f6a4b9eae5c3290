import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import { LOAD_ORDER, resourceId } from '../model/snapshot.ts'
import { TimeSlice } from '../support/time-slice.ts'

/** Revisions that can be taken back. */
const MAX_ENTRIES = 200

/** How an object was served before a revision changed it; undefined: not there. */
export interface ObjectBefore {
  kind: ResourceKind
  id: string
  body: ResourceBody | undefined
}

/** What is served, object by object. */
interface Bodies {
  get(kind: ResourceKind, id: string): ResourceBody | undefined
  bodies(kind: ResourceKind): readonly ResourceBody[]
}

/** What the last revisions changed, so that one of them can be taken back. */
export class RevisionHistory {
  #entries: { revision: number; objects: readonly ObjectBefore[] }[] = []

  add(revision: number, objects: readonly ObjectBefore[]): void {
    this.#entries.push({ revision, objects })
    if (this.#entries.length > MAX_ENTRIES) this.#entries.shift()
  }

  /** For the revision that all others follow on: says later what was before it. */
  addOldest(revision: number, objects: readonly ObjectBefore[]): void {
    this.#entries = this.#entries.filter((entry) => entry.revision !== revision)
    this.#entries.unshift({ revision, objects })
  }

  /** Forgets a revision; returns its objects, but those that a later one has changed again. */
  take(revision: number): ObjectBefore[] {
    const index = this.#entries.findIndex((entry) => entry.revision === revision)
    const entry = this.#entries[index]
    if (entry === undefined) return []
    this.#entries.splice(index, 1)
    const later = new Set(this.#entries.slice(index).flatMap(({ objects }) => objects.map(keyOf)))
    return entry.objects.filter((object) => !later.has(keyOf(object)))
  }
}

/** The objects in which two configurations differ, as they are in `before`; in slices. */
export async function differences(before: Bodies, after: Bodies): Promise<ObjectBefore[]> {
  const objects: ObjectBefore[] = []
  const slice = new TimeSlice()
  for (const kind of LOAD_ORDER) {
    const bodies = [...before.bodies(kind), ...after.bodies(kind)]
    for (const id of new Set(bodies.map((body) => resourceId(kind, body)))) {
      const body = before.get(kind, id)
      if (!isSame(body, after.get(kind, id))) objects.push({ kind, id, body })
      if (slice.due) await slice.pause()
    }
  }
  return objects
}

/** Whether two bodies say the same in the same order. */
export function isSame(a: ResourceBody | undefined, b: ResourceBody | undefined): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}

function keyOf({ kind, id }: { kind: ResourceKind; id: string }): string {
  return `${kind}/${id}`
}
