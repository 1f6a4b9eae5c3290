import { ConfigState } from '../model/config-state.ts'
import { RESOURCE_KINDS } from '../model/resource-kind.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { TimeSlice } from './time-slice.ts'

/** Builds the state in slices: hashing 100 000 objects at once would stall the event loop. */
export async function loadConfigState(snapshot: Snapshot): Promise<ConfigState> {
  const state = new ConfigState(snapshot._meta.group, snapshot._meta)
  const slice = new TimeSlice()
  for (const kind of RESOURCE_KINDS) {
    for (const body of snapshot[kind] ?? []) {
      state.load(kind, body)
      if (slice.due) await slice.pause()
    }
  }
  return state
}
