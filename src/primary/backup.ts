import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { ConfigState } from '../model/config-state.ts'
import { ConfigError } from '../model/errors.ts'
import { isResourceKind, RESOURCE_KINDS } from '../model/resource-kind.ts'
import { SNAPSHOT_FORMAT, type Snapshot } from '../model/snapshot.ts'
import { writeFileAtomic } from '../support/atomic-file.ts'
import { backoffMs } from '../support/backoff.ts'
import { TimeSlice } from '../support/time-slice.ts'

const DEBOUNCE_MS = 200
const RETRY = { baseMs: 1_000, maxMs: 30_000 }

/** How the last attempt to write the backup went. */
export interface BackupState {
  /** Revision on disk; undefined when none was written or read since the start. */
  revision: number | undefined
  writtenAt: string | undefined
  /** Why the newest revision is not on disk, in plain words; undefined when all is well. */
  error: string | undefined
}

export interface Backup {
  readonly state: BackupState
  /** Reads the backup; undefined when there is none that can be used (the reason is logged). */
  load(): Promise<Snapshot | undefined>
  /** Says that the configuration changed: it is on disk soon after. Bursts become one write. */
  schedule(): void
  /** Writes what is not on disk yet and stops. */
  stop(): Promise<void>
}

interface BackupOptions {
  dataDir: string
  group: string
  log: Logger
  /** The configuration to write, asked for at the time of the write. */
  current: () => ConfigState | undefined
}

/**
 * Keeps a copy of the configuration on disk, as one JSON file that is replaced atomically. A disk
 * that can't be written is logged and retried; serving never waits for it.
 */
export function createBackup({ dataDir, group, log, current }: BackupOptions): Backup {
  const path = join(dataDir, `backup-${group}.json`)
  const state: BackupState = { revision: undefined, writtenAt: undefined, error: undefined }
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> | undefined
  let failures = 0
  let stopped = false

  async function load(): Promise<Snapshot | undefined> {
    try {
      const snapshot = decodeSnapshot(await readFile(path, 'utf8'), group)
      state.revision = snapshot._meta.revision
      return snapshot
    } catch (err) {
      const missing = (err as NodeJS.ErrnoException).code === 'ENOENT'
      if (missing) log.info({ path }, 'no backup yet')
      else log.error({ err, path }, 'backup can not be used')
      return undefined
    }
  }

  function schedule(delayMs = DEBOUNCE_MS): void {
    if (stopped || timer !== undefined) return
    timer = setTimeout(() => {
      timer = undefined
      // One write at a time: what changes meanwhile is picked up by the next.
      writing = (writing ?? Promise.resolve()).then(write)
    }, delayMs)
  }

  async function write(): Promise<void> {
    const config = current()
    if (config === undefined) return
    try {
      await mkdir(dataDir, { recursive: true, mode: 0o700 })
      const snapshot = config.toSnapshot(new Date())
      await writeFileAtomic(path, await encodeSnapshot(snapshot), 0o600)
      if (failures > 0) log.info({ path }, 'backup can be written again')
      failures = 0
      state.revision = snapshot._meta.revision
      state.writtenAt = snapshot._meta.generatedAt
      state.error = undefined
    } catch (err) {
      const delayMs = backoffMs(failures, RETRY) + DEBOUNCE_MS
      if (failures++ === 0) log.error({ err, path, delayMs }, 'backup could not be written')
      state.error = err instanceof Error ? err.message : String(err)
      schedule(delayMs)
    }
  }

  return {
    state,
    load,
    schedule: () => schedule(),
    async stop() {
      stopped = true
      const due = timer !== undefined
      clearTimeout(timer)
      await writing
      if (due) await write()
    },
  }
}

/** JSON with one object a line: quick to write in slices, easy to read, edit and diff. */
async function encodeSnapshot(snapshot: Snapshot): Promise<string> {
  const slice = new TimeSlice()
  const parts = [`{\n"_meta": ${JSON.stringify(snapshot._meta, undefined, 2)}`]
  for (const kind of RESOURCE_KINDS) {
    const bodies = snapshot[kind]
    if (bodies === undefined) continue
    const lines: string[] = []
    for (const body of bodies) {
      lines.push(JSON.stringify(body))
      if (slice.due) await slice.pause()
    }
    parts.push(`"${kind}": [\n${lines.join(',\n')}\n]`)
  }
  return `${parts.join(',\n')}\n}\n`
}

/**
 * Reads a snapshot from JSON text; the digest is left to the caller.
 * @throws ConfigError naming what is wrong.
 */
function decodeSnapshot(text: string, group: string): Snapshot {
  const invalid = (why: string) => new ConfigError('GW_SNAPSHOT_INVALID', why)
  let value: Partial<Snapshot>
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new ConfigError('GW_SNAPSHOT_INVALID', 'the snapshot is not valid JSON', { cause })
  }
  const meta = value?._meta
  if (meta === undefined || typeof meta !== 'object') throw invalid('the snapshot has no _meta')
  if (!(meta.format <= SNAPSHOT_FORMAT)) {
    throw invalid(`format ${meta.format} is not known, at most ${SNAPSHOT_FORMAT} is`)
  }
  if (meta.group !== group) throw invalid(`it is of gateway group ${meta.group}, not ${group}`)
  if (typeof meta.epoch !== 'string' || !Number.isSafeInteger(meta.revision)) {
    throw invalid('_meta lacks epoch or revision')
  }
  for (const [kind, bodies] of Object.entries(value)) {
    if (kind === '_meta') continue
    if (!isResourceKind(kind)) throw invalid(`${kind} is not a collection`)
    if (
      !Array.isArray(bodies) ||
      bodies.some((body) => body === null || typeof body !== 'object')
    ) {
      throw invalid(`${kind} is not a list of objects`)
    }
  }
  return value as Snapshot
}
