import type { ConfigState } from '../../model/config-state.ts'
import { ContentDigest, canonicalJson } from '../../model/digest.ts'
import { RESOURCE_KINDS, type ResourceBody } from '../../model/resource-kind.ts'
import type { Change, Delta } from '../../model/revision.ts'
import { resourceId, type Snapshot } from '../../model/snapshot.ts'
import { TimeSlice } from '../../support/time-slice.ts'

/** What leads from a configuration to these objects, as its next revision; undefined when nothing does. */
export async function diffConfig(
  current: ConfigState,
  collections: Omit<Snapshot, '_meta'>,
): Promise<Delta | undefined> {
  const { epoch, revision, digest: before } = current.mark
  const digest = new ContentDigest(before)
  const changes: Change[] = []
  const slice = new TimeSlice()
  for (const change of changesBetween(current, collections)) {
    if (change !== undefined) {
      changes.push(change)
      const old = current.get(change.kind, change.id)
      if (old !== undefined) digest.remove(change.kind, change.id, old)
      if (change.op === 'put') digest.add(change.kind, change.id, change.body)
    }
    if (slice.due) await slice.pause()
  }
  if (changes.length === 0) return undefined
  return { to: { epoch, revision: revision + 1, digest: digest.toString() }, changes }
}

/** One step for each object, undefined where nothing changed. */
function* changesBetween(
  current: ConfigState,
  collections: Omit<Snapshot, '_meta'>,
): Generator<Change | undefined> {
  for (const kind of RESOURCE_KINDS) {
    // The last of several objects of one id counts, as everywhere.
    const wanted = new Map<string, ResourceBody>()
    for (const body of collections[kind] ?? []) wanted.set(resourceId(kind, body), body)
    for (const [id, body] of wanted) {
      yield isSame(current.get(kind, id), body) ? undefined : { op: 'put', kind, id, body }
    }
    for (const id of current.collection(kind).keys()) {
      yield wanted.has(id) ? undefined : { op: 'delete', kind, id }
    }
  }
}

function isSame(a: ResourceBody | undefined, b: ResourceBody): boolean {
  if (a === undefined) return false
  // Mostly the fields are in the same order, too.
  return JSON.stringify(a) === JSON.stringify(b) || canonicalJson(a) === canonicalJson(b)
}
