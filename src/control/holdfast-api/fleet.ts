import type { InstanceRepository, StoredInstance } from '../../store/instances.ts'
import type { RevisionLog } from '../../store/revision-log.ts'
import type { FleetFacts } from './convergence.ts'
import { type AssessedInstance, assessInstance, type InstanceAges } from './instance-state.ts'

export interface FleetOptions {
  instances: InstanceRepository
  history: RevisionLog
  ages: InstanceAges
}

/** The instances of the gateway groups, with their states. All methods may throw StoreError. */
export interface Fleet {
  list(group: string, page: { after?: string; limit: number }): Promise<AssessedInstance[]>
  get(group: string, id: string): Promise<AssessedInstance | undefined>
  /** Undefined for a group that nobody ever wrote to, or followed. */
  facts(group: string): Promise<FleetFacts | undefined>
}

export function createFleet({ instances, history, ages }: FleetOptions): Fleet {
  const assess = (instance: StoredInstance) => assessInstance(instance, ages)
  return {
    list: async (group, page) => (await instances.list(group, page)).map(assess),
    async get(group, id) {
      const found = await instances.get(group, id)
      return found && assess(found)
    },
    async facts(group) {
      // The head last: an instance can't seem to be ahead of what was read after its report.
      const assessed = (await instances.list(group)).map(assess)
      const revisions = new Set(assessed.flatMap(revisionsOf))
      const [extent, digests] = await Promise.all([
        history.extent(group),
        history.digests(group, [...revisions]),
      ])
      return extent && { instances: assessed, head: extent.head, digests }
    },
  }
}

function revisionsOf({ report }: StoredInstance): number[] {
  const marks = [report.applied, ...report.workers.map((worker) => worker.applied)]
  return marks.flatMap((mark) => (mark === null ? [] : [mark.revision]))
}
