import { isOfConsumer } from '../../model/resource-kind.ts'
import type { ConfigTransaction, ResourceKey } from '../../store/config-repository.ts'
import { TimeSlice } from '../../support/time-slice.ts'
import { type CredentialKey, describeDuplicate, isOneConsumer } from '../credential-key.ts'
import type { CredentialKeys } from '../credential-keys.ts'
import type { ConfigView } from '../resource-definition.ts'
import type { Planned, PlannedObject, PlanProblem } from './final-view.ts'

export interface KeyChecks {
  group: string
  credentialKeys: Pick<CredentialKeys, 'in' | 'suspects' | 'has'>
}

interface Suspicion {
  object: PlannedObject
  key: CredentialKey
  other: ResourceKey
}

/** Finds keys that two consumers would have once all changes are made. */
export async function* checkKeys(
  tx: Pick<ConfigTransaction, 'prefetch'>,
  view: ConfigView,
  planned: Planned,
  checks: KeyChecks,
): AsyncGenerator<PlanProblem> {
  const suspicions = await suspect(planned, checks)
  await tx.prefetch(suspicions.map(({ other }) => other))
  const slice = new TimeSlice()
  const told = new Set<PlannedObject>()
  for (const { object, key, other } of suspicions) {
    if (!told.has(object) && (await checks.credentialKeys.has(view, other, key))) {
      told.add(object)
      yield { object, problem: describeDuplicate(key, other) }
    }
    if (slice.due) await slice.pause()
  }
}

/** Who may have the same key, among the changes and of what is stored. */
async function suspect(planned: Planned, checks: KeyChecks): Promise<Suspicion[]> {
  const { group, credentialKeys } = checks
  const changed = await groupByKey(planned, checks)
  const found: Suspicion[] = []
  const slice = new TimeSlice()
  for (const { key, objects } of changed.values()) {
    const stored = credentialKeys.suspects(group, key)
    for (const object of objects) {
      const isOther = (other: ResourceKey) => !isOneConsumer(object, other)
      // One will do, of those that are sure to have it: a thousand may.
      const other = objects.find(isOther)
      const others = other ? [other] : stored.filter(isOther)
      for (const holder of others) found.push({ object, key, other: holder })
      if (slice.due) await slice.pause()
    }
  }
  return found
}

async function groupByKey(planned: Planned, { credentialKeys }: KeyChecks) {
  const groups = new Map<string, { key: CredentialKey; objects: PlannedObject[] }>()
  const slice = new TimeSlice()
  for (const object of planned.values()) {
    const { kind, value } = object
    if (value === null || !isOfConsumer(kind)) continue
    for (const key of credentialKeys.in(kind, value)) {
      const name = `${key.plugin}/${key.key}`
      const known = groups.get(name)
      if (known === undefined) groups.set(name, { key, objects: [object] })
      else known.objects.push(object)
    }
    if (slice.due) await slice.pause()
  }
  return groups
}
