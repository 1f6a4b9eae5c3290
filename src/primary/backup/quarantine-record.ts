import { ConfigState } from '../../model/config-state.ts'
import { isResourceKind } from '../../model/resource-kind.ts'
import { type QuarantinedObject, resourceId, type Snapshot } from '../../model/snapshot.ts'
import type { ServingConfig } from '../serving-config.ts'

/** The snapshot, with what is served instead of its quarantined objects. */
export function withQuarantine(config: ServingConfig, snapshot: Snapshot): Snapshot {
  const quarantined = config.quarantined.map((object): QuarantinedObject => {
    const lastGood = config.get(object.kind, object.id)
    return { ...object, ...(lastGood !== undefined && { lastGood }) }
  })
  if (quarantined.length === 0) return snapshot
  return { ...snapshot, _meta: { ...snapshot._meta, quarantined } }
}

/** The last good versions in a backup, as a configuration of their own; undefined when it has none. */
export function lastGoodState({ _meta }: Snapshot): ConfigState | undefined {
  const objects = Array.isArray(_meta.quarantined) ? _meta.quarantined : []
  const state = new ConfigState(_meta.group, _meta)
  for (const object of objects) {
    // An operator may have edited it: what does not fit is left out.
    if (!isResourceKind(object?.kind) || typeof object.lastGood !== 'object') continue
    if (object.lastGood === null) continue
    if (resourceId(object.kind, object.lastGood) !== object.id) continue
    state.load(object.kind, object.lastGood)
  }
  return state.size > 0 ? state : undefined
}
