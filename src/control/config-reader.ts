import { StoreError } from '../model/errors.ts'
import type { ResourceKind } from '../model/resource-kind.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { ConfigRepository, StoredResource } from '../store/config-repository.ts'
import type { Database } from '../store/database.ts'
import type { ConfigMirror } from './config-mirror.ts'

/** A server that is frozen is given up on after this, when there is a mirror to read from. */
const READ_DEADLINE_MS = 1000

/** What was read, and how old it may be. */
export interface Reading<T> {
  value: T
  /** Set when it came from memory because the database could not be asked. */
  stale?: { revision: number; ageMs: number }
}

/** Reads from the database, or else from the last known state; throws StoreError when neither can answer. */
export interface ConfigReader {
  get(group: string, kind: ResourceKind, id: string): Promise<Reading<StoredResource | undefined>>
  list(group: string, kind: ResourceKind): Promise<Reading<StoredResource[]>>
  /** The whole configuration; takes as long as it takes while the database answers. */
  snapshot(group: string): Promise<Reading<Snapshot>>
}

interface ReaderOptions {
  repository: Pick<ConfigRepository, 'get' | 'list' | 'loadSnapshot'>
  database: Pick<Database, 'state'>
  mirrors: Mirrors
}

interface Mirrors {
  get(group: string): ConfigMirror | undefined
  follow(group: string): void
}

export function createConfigReader({ repository, database, mirrors }: ReaderOptions): ConfigReader {
  async function read<T>(
    group: string,
    ask: () => Promise<T>,
    recall: (mirror: ConfigMirror) => T,
  ): Promise<Reading<T>> {
    const mirror = mirrors.get(group)
    if (mirror === undefined) return { value: await ask() }
    if (database.state.status === 'down') return recallFrom(mirror, recall)
    try {
      const value = await within(READ_DEADLINE_MS, ask())
      return value === LATE ? recallFrom(mirror, recall) : { value }
    } catch (error) {
      if (error instanceof StoreError) return recallFrom(mirror, recall)
      throw error
    }
  }

  return {
    async get(group, kind, id) {
      const reading = await read(
        group,
        () => repository.get(group, kind, id),
        (mirror) => mirror.get(kind, id),
      )
      if (reading.value) mirrors.follow(group)
      return reading
    },
    async list(group, kind) {
      const reading = await read(
        group,
        () => repository.list(group, kind),
        (mirror) => mirror.list(kind),
      )
      if (reading.value.length > 0) mirrors.follow(group)
      return reading
    },
    async snapshot(group) {
      try {
        if (database.state.status !== 'down') return { value: await repository.loadSnapshot(group) }
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
      }
      const mirror = mirrors.get(group)
      const known = mirror?.snapshot()
      // Without anything in memory, the database says why it can't be asked.
      if (mirror === undefined || known === undefined) {
        return { value: await repository.loadSnapshot(group) }
      }
      return { ...recallFrom(mirror, () => known) }
    },
  }
}

function recallFrom<T>(mirror: ConfigMirror, recall: (mirror: ConfigMirror) => T): Reading<T> {
  const { revision, ageMs } = mirror
  return { value: recall(mirror), stale: { revision, ageMs } }
}

const LATE = Symbol('late')

/** The deadline bounds the wait, not the work: that has a deadline of its own. */
async function within<T>(deadlineMs: number, work: Promise<T>): Promise<T | typeof LATE> {
  // What comes late, and nobody waits for, may fail.
  work.catch(() => {})
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(resolve, deadlineMs, LATE)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
