import { RESOURCE_KINDS } from '../../model/resource-kind.ts'
import { REFERRED_KINDS, referencesOf } from '../../model/resource-references.ts'
import { resourceId } from '../../model/snapshot.ts'
import type { ConfigTransaction, ResourceKey } from '../../store/config-repository.ts'
import { TimeSlice } from '../../support/time-slice.ts'
import { keyOfObject } from './change-set.ts'

type Referrer = Awaited<ReturnType<ConfigTransaction['referrers']>>[number]

/** Looking up 200 takes some 0.2 s at 100 000 objects; reading all of these takes 2 s. */
const MAX_LOOKED_UP = 200

/** The stored objects that refer to any of these; one that refers to several comes once. */
export async function* referrersOf(
  tx: ConfigTransaction,
  objects: readonly ResourceKey[],
): AsyncGenerator<Referrer> {
  const targets = objects.filter(({ kind }) => REFERRED_KINDS.has(kind))
  if (targets.length === 0) return
  if (targets.length <= MAX_LOOKED_UP) yield* await tx.referrers(targets)
  else yield* scan(tx, new Set(targets.map(keyOfObject)))
}

async function* scan(
  tx: ConfigTransaction,
  targets: ReadonlySet<string>,
): AsyncGenerator<Referrer> {
  const slice = new TimeSlice()
  for (const kind of RESOURCE_KINDS) {
    for (const { body } of await tx.list(kind)) {
      const refers = referencesOf(kind, body).some((to) => targets.has(keyOfObject(to)))
      if (refers) yield { kind, id: resourceId(kind, body), body }
      if (slice.due) await slice.pause()
    }
  }
}
