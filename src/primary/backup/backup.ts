import { join } from 'node:path'
import type { Logger } from 'pino'
import { ConfigState } from '../../model/config-state.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import { backoffMs } from '../../support/backoff.ts'
import type { ServingConfig } from '../serving-config.ts'
import {
  type Generation,
  listGenerations,
  nextGeneration,
  pruneGenerations,
} from './generations.ts'
import { withQuarantine } from './quarantine-record.ts'
import { type ReadGeneration, readGeneration } from './read-generation.ts'
import { writeGeneration } from './write-generation.ts'

/** A change is on disk this long after it, if it comes alone. */
const DEBOUNCE_MS = 100
/** In a burst, writes rest this long, and twice as long as the last one took. */
const REST_MS = 400
const RETRY = { baseMs: 1_000, maxMs: 5_000 }
const MIN_RETRY_MS = 200
/** A failure that lasts is logged again after this. */
const LOG_AGAIN_MS = 10_000

/** How the last attempt to write the backup went, and what was found at the start. */
export interface BackupState {
  /** Revision on disk; undefined when none was written or read since the start. */
  revision: number | undefined
  writtenAt: string | undefined
  /** Why the newest revision is not on disk, in plain words; undefined when all is well. */
  error: string | undefined
  /** Generations that could not be used at the start, and why. */
  skipped: readonly { file: string; reason: string }[]
}

/** What a backup says, for the start. */
export interface LoadedBackup {
  file: string
  snapshot: Snapshot
  /** Somebody edited it: its digest does not fit its content. */
  edited: boolean
}

export interface Backup {
  readonly state: BackupState
  /** Reads the newest generation that can be used; undefined when there is none. Reasons are logged. */
  load(): Promise<LoadedBackup | undefined>
  /** All generations that can be used, newest first, read as they are asked for. */
  all(): AsyncGenerator<LoadedBackup>
  /** Says that the configuration changed: it is on disk soon after. Bursts become few writes. */
  schedule(): void
  /** A successor writes the folder: resolves when we don't any more. */
  leave(): Promise<void>
  /** Writes what is not on disk yet and stops. */
  stop(): Promise<void>
}

interface BackupOptions {
  dataDir: string
  group: string
  /** How many are kept. */
  generations: number
  log: Logger
  /** The configuration to write, asked for at the time of the write. */
  current: () => ServingConfig | undefined
}

/**
 * Keeps the newest configurations on disk, each as one JSON file that is written atomically. A disk
 * that can't be written is logged and retried; serving never waits for it.
 */
export function createBackup(options: BackupOptions): Backup {
  return new BackupFolder(options)
}

class BackupFolder implements Backup {
  readonly #options: BackupOptions
  readonly #folder: string
  readonly state: BackupState = {
    revision: undefined,
    writtenAt: undefined,
    error: undefined,
    skipped: [],
  }
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  /** When the last write ended, and how long it took. */
  #last = { endedAt: Number.NEGATIVE_INFINITY, durationMs: 0 }
  #dirty = false
  #failures = 0
  #loggedAt = Number.NEGATIVE_INFINITY
  #stopped = false
  #left = false

  constructor(options: BackupOptions) {
    this.#options = options
    this.#folder = join(options.dataDir, `backup-${options.group}`)
  }

  async load(): Promise<LoadedBackup | undefined> {
    const generations = await this.#list()
    let flipped: { file: string; snapshot: Snapshot } | undefined
    for (const generation of generations) {
      const read = await this.#read(generation)
      if (read === undefined) continue
      const file = generation.path
      if (read.condition !== 'flipped') return this.#loaded(file, read)
      // Better an intact generation that is older; but better this one than none.
      flipped ??= { file, snapshot: read.snapshot }
      this.#skip(generation, 'single bits of it were flipped since it was written')
    }
    if (flipped === undefined) return undefined
    this.#options.log.warn({ file: flipped.file }, 'flipped bits were undone, backup is used')
    return this.#loaded(flipped.file, { condition: 'intact', snapshot: flipped.snapshot })
  }

  async *all(): AsyncGenerator<LoadedBackup> {
    for (const { path, ...generation } of await this.#list()) {
      try {
        const read = await readGeneration({ path, ...generation }, this.#options.group)
        yield { file: path, snapshot: read.snapshot, edited: read.condition === 'edited' }
      } catch {
        // Said at the start, or meanwhile removed.
      }
    }
  }

  schedule(): void {
    this.#dirty = true
    if (this.#stopped || this.#timer !== undefined || this.#writing !== undefined) return
    const restMs = Math.max(REST_MS, 2 * this.#last.durationMs)
    const restedMs = performance.now() - this.#last.endedAt
    this.#later(Math.max(DEBOUNCE_MS, restMs - restedMs))
  }

  async leave(): Promise<void> {
    this.#left = true
    await this.stop()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#writing
    if (this.#dirty && !this.#left) await this.#write()
  }

  async #list(): Promise<Generation[]> {
    try {
      const generations = await listGenerations(this.#folder)
      if (generations.length === 0)
        this.#options.log.info({ folder: this.#folder }, 'no backup yet')
      return generations
    } catch (err) {
      this.#options.log.error({ err, folder: this.#folder }, 'backups can not be read')
      return []
    }
  }

  async #read(generation: Generation): Promise<ReadGeneration | undefined> {
    try {
      return await readGeneration(generation, this.#options.group)
    } catch (error) {
      this.#skip(generation, (error as Error).message)
      return undefined
    }
  }

  #skip({ path, name }: Generation, reason: string): void {
    this.state.skipped = [...this.state.skipped, { file: name, reason }]
    this.#options.log.error({ file: path, reason }, 'backup skipped')
  }

  #loaded(file: string, { condition, snapshot }: ReadGeneration): LoadedBackup {
    const { revision, generatedAt, digest } = snapshot._meta
    // Also true of a file that was only laid out anew; that is no edit.
    const edited = condition === 'edited' && ConfigState.from(snapshot).mark.digest !== digest
    this.state.revision = revision
    this.state.writtenAt = generatedAt
    return { file, snapshot, edited }
  }

  #later(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined
        // What changed during the write goes into the next.
        if (this.#dirty && this.#failures === 0) this.schedule()
      })
    }, delayMs)
  }

  async #write(): Promise<void> {
    const config = this.#options.current()
    if (config === undefined) return
    this.#dirty = false
    const startedAt = performance.now()
    const snapshot = withQuarantine(config, config.source.toSnapshot(new Date()))
    try {
      const present = await listGenerations(this.#folder)
      await writeGeneration(nextGeneration(this.#folder, present), snapshot)
      this.#succeeded(snapshot)
      await pruneGenerations(this.#folder, this.#options.generations)
    } catch (error) {
      this.#failed(error as Error)
    }
    const endedAt = performance.now()
    this.#last = { endedAt, durationMs: endedAt - startedAt }
  }

  #succeeded({ _meta }: Snapshot): void {
    if (this.#failures > 0) {
      this.#options.log.info({ folder: this.#folder }, 'backup can be written again')
    }
    this.#failures = 0
    this.state.revision = _meta.revision
    this.state.writtenAt = _meta.generatedAt
    this.state.error = undefined
  }

  #failed(error: Error): void {
    const delayMs = MIN_RETRY_MS + backoffMs(this.#failures++, RETRY)
    this.#dirty = true
    this.state.error = error.message
    const now = performance.now()
    if (now - this.#loggedAt >= LOG_AGAIN_MS) {
      this.#loggedAt = now
      const { log } = this.#options
      log.error({ err: error, folder: this.#folder, delayMs }, 'backup could not be written')
    }
    if (!this.#stopped) this.#later(delayMs)
  }
}
