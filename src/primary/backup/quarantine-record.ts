import { ConfigState } from '../../model/config-state.ts'
import { isResourceKind } from '../../model/resource-kind.ts'
import { type QuarantinedObject, resourceId, type Snapshot } from '../../model/snapshot.ts'
import type { ResourceSecrets } from '../../support/resource-secrets.ts'
import { type DeadlyObject, type QuarantineRecord, ServingConfig } from '../serving-config.ts'

/** What a backup says of an object that workers died of. */
type Refusal = Pick<DeadlyObject, 'revision' | 'at' | 'digest' | 'version'>

type RecordedObject = QuarantinedObject & { refused?: Refusal }

/** The snapshot, with what is served instead of its quarantined objects. */
export function withQuarantine(config: ServingConfig, snapshot: Snapshot): Snapshot {
  const deadly = new Map(config.deadly.map((object) => [`${object.kind}/${object.id}`, object]))
  const quarantined = config.quarantined.map((object): RecordedObject => {
    const lastGood = config.get(object.kind, object.id)
    const refusal = deadly.get(`${object.kind}/${object.id}`)
    return {
      ...object,
      ...(lastGood !== undefined && { lastGood }),
      ...(refusal !== undefined && { refused: toRefusal(refusal) }),
    }
  })
  if (quarantined.length === 0) return snapshot
  return { ...snapshot, _meta: { ...snapshot._meta, quarantined } }
}

/** What a backup says of its quarantined objects. */
export async function quarantineRecord(
  snapshot: Snapshot,
  secrets: ResourceSecrets,
): Promise<QuarantineRecord> {
  const state = lastGoodState(snapshot)
  const lastGood = state && (await ServingConfig.build(state, undefined, secrets))
  const deadly: DeadlyObject[] = []
  for (const { kind, id, reason, refused } of recordedObjects(snapshot)) {
    if (isRefusal(refused)) deadly.push({ ...refused, kind, id, reason: String(reason) })
  }
  return { lastGood, deadly }
}

/** The last good versions in a backup, as a configuration of their own; undefined when it has none. */
export function lastGoodState(snapshot: Snapshot): ConfigState | undefined {
  const { _meta } = snapshot
  const state = new ConfigState(_meta.group, _meta)
  for (const object of recordedObjects(snapshot)) {
    if (typeof object.lastGood !== 'object' || object.lastGood === null) continue
    if (resourceId(object.kind, object.lastGood) !== object.id) continue
    state.load(object.kind, object.lastGood)
  }
  return state.size > 0 ? state : undefined
}

/** An operator may have edited it: what does not fit is left out. */
function recordedObjects({ _meta }: Snapshot): RecordedObject[] {
  const objects: RecordedObject[] = Array.isArray(_meta.quarantined) ? _meta.quarantined : []
  return objects.filter((object) => isResourceKind(object?.kind) && typeof object.id === 'string')
}

function isRefusal(refused: Refusal | undefined): refused is Refusal {
  return Number.isSafeInteger(refused?.revision) && typeof refused?.digest === 'string'
}

function toRefusal({ revision, at, digest, version }: DeadlyObject): Refusal {
  return { revision, at, digest, version }
}
