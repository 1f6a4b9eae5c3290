import type { Logger } from 'pino'
import type { RevisionMark } from '../model/revision.ts'
import { type Schedule, startSchedule } from '../support/schedule.ts'
import type { ExportParts, Leadership } from './export-snapshot.ts'
import { GroupExporter, type GroupExportState } from './group-exporter.ts'
import { instanceKey, LAYOUT_FORMAT } from './object-layout.ts'
import { createObjectStore, type StoreSettings, type StoreTimes } from './object-store.ts'

/** Revisions are looked at this often besides the hints: what a lost hint costs at most. */
const POLL_MS = 3_000
/** How long a stop waits for what is not exported yet. */
const STOP_MS = 3_000

export interface ExporterSettings extends StoreSettings {
  resourceBucket: string
  configBucket: string
  schedule: Schedule
}

/** Where configurations come from; may throw StoreError. */
interface ExportSource {
  listGroups(): Promise<string[]>
  readHead(group: string): Promise<RevisionMark | undefined>
  loadSnapshot: ExportParts['loadSnapshot']
}

export interface ExporterOptions {
  source: ExportSource
  leadership: Leadership
  /** What instances need to know beside the resources; no secrets: key ids, not keys. */
  instanceConfig: () => Record<string, unknown>
  log: Logger
  /** Defaults: 1 s, 3 s (tests). */
  debounceMs?: number
  pollMs?: number
  times?: StoreTimes
}

export interface ExporterState {
  /** Whether this control plane is the one that exports. */
  leader: boolean
  groups: Record<string, GroupExportState>
}

/** Copies every group's configuration to S3, as long as it holds the leadership. */
export interface S3Exporter {
  readonly state: ExporterState
  start(): void
  /** The group may have changed; does nothing without the leadership. */
  touch(group: string): void
  /** Looks at all groups now: the leadership was gained, or hints may have been lost. */
  poll(): void
  /** Exports what is due, within 3 s. Idempotent. */
  stop(): Promise<void>
}

export function createS3Exporter(settings: ExporterSettings, options: ExporterOptions): S3Exporter {
  const { source, leadership, instanceConfig, log } = options
  const store = createObjectStore(settings, options.times)
  const groups = new Map<string, GroupExporter>()
  let polling: Promise<void> | undefined
  let timers: { stop(): void }[] = []
  let stopping: Promise<void> | undefined

  async function writeInstance(group: string): Promise<void> {
    const writtenAt = new Date().toISOString()
    const instance = { format: LAYOUT_FORMAT, group, writtenAt, ...instanceConfig() }
    await store.put(
      { bucket: settings.configBucket, key: instanceKey(group) },
      `${JSON.stringify(instance, undefined, 2)}\n`,
      { contentType: 'application/json' },
    )
  }

  function exporterOf(group: string): GroupExporter {
    const known = groups.get(group)
    if (known !== undefined) return known
    const created = new GroupExporter({
      ...{ store, bucket: settings.resourceBucket, group, leadership, log, writeInstance },
      loadSnapshot: (name) => source.loadSnapshot(name),
      ...(options.debounceMs !== undefined && { debounceMs: options.debounceMs }),
    })
    groups.set(group, created)
    return created
  }

  async function pollOnce(): Promise<void> {
    for (const group of await source.listGroups()) {
      const mark = await source.readHead(group)
      if (stopping !== undefined || !leadership.isHeld) return
      if (mark !== undefined && !exporterOf(group).has(mark)) exporterOf(group).touch()
    }
  }

  function poll(): void {
    if (stopping !== undefined || polling !== undefined || !leadership.isHeld) return
    polling = pollOnce()
      // PostgreSQL is away, which others log; what is exported stays.
      .catch((err) => log.debug({ err }, 'groups not readable'))
      .finally(() => {
        polling = undefined
      })
  }

  async function stop(): Promise<void> {
    for (const timer of timers) timer.stop()
    timers = []
    await polling
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, STOP_MS)
    await Promise.race([Promise.all([...groups.values()].map((group) => group.stop())), late])
    clearTimeout(timer)
    store.stop()
  }

  return {
    get state() {
      const states = [...groups].map(([group, { state }]) => [group, { ...state }] as const)
      return { leader: leadership.isHeld, groups: Object.fromEntries(states) }
    },
    start() {
      if (timers.length > 0 || stopping !== undefined) return
      const timer = setInterval(poll, options.pollMs ?? POLL_MS)
      const renewAll = () => {
        if (leadership.isHeld) for (const group of groups.values()) group.renew()
      }
      timers = [{ stop: () => clearInterval(timer) }, startSchedule(settings.schedule, renewAll)]
      poll()
    },
    touch(group) {
      if (stopping === undefined && leadership.isHeld) exporterOf(group).touch()
    },
    poll,
    stop() {
      stopping ??= stop()
      return stopping
    },
  }
}
