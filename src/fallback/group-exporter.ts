import type { Logger } from 'pino'
import type { RevisionMark } from '../model/revision.ts'
import { backoffMs } from '../support/backoff.ts'
import { type ExportParts, exportSnapshot } from './export-snapshot.ts'

/** Changes within it become one export. */
const DEBOUNCE_MS = 1_000
const RETRY = { baseMs: 1_000, maxMs: 7_000 }
const MIN_RETRY_MS = 500

/** How the export of one group goes. */
export interface GroupExportState {
  /** Exported by this control plane; undefined before its first export. */
  revision: number | undefined
  /** ISO 8601. */
  lastExportAt: string | undefined
  /** Why the newest revision is not exported, in plain words. */
  error: string | undefined
}

export interface GroupExporterOptions extends ExportParts {
  log: Logger
  /** Writes what belongs to the group beside its snapshot; once before each renewal. */
  writeInstance: (group: string) => Promise<void>
  debounceMs?: number
}

/**
 * Exports one group: soon after `touch`, one at a time, the newest wins; tried again with backoff
 * until it is done or the leadership is lost.
 */
export class GroupExporter {
  readonly state: GroupExportState = {
    revision: undefined,
    lastExportAt: undefined,
    error: undefined,
  }
  readonly #options: GroupExporterOptions
  #exported: RevisionMark | undefined
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #dirty = false
  #renew = true
  #failures = 0
  #stopped = false

  constructor(options: GroupExporterOptions) {
    this.#options = options
  }

  /** True when this is what was exported last. */
  has(mark: RevisionMark): boolean {
    const last = this.#exported
    return (
      last?.epoch === mark.epoch && last.revision === mark.revision && last.digest === mark.digest
    )
  }

  /** Something changed. */
  touch(): void {
    this.#dirty = true
    this.#schedule(this.#options.debounceMs ?? DEBOUNCE_MS)
  }

  /** The schedule says so: HEAD.json and the instance configuration are written even if nothing changed. */
  renew(): void {
    this.#renew = true
    this.touch()
  }

  /** Exports what is due, and stops. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#running
    if (this.#dirty && this.#options.leadership.isHeld) await this.#export()
  }

  #schedule(delayMs: number): void {
    if (this.#stopped || this.#timer !== undefined || this.#running !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#running = this.#export().finally(() => {
        this.#running = undefined
        if (this.#dirty) this.#schedule(this.#delayMs)
      })
    }, delayMs)
  }

  get #delayMs(): number {
    if (this.#failures === 0) return this.#options.debounceMs ?? DEBOUNCE_MS
    return MIN_RETRY_MS + backoffMs(this.#failures - 1, RETRY)
  }

  async #export(): Promise<void> {
    const { leadership, group, log, writeInstance } = this.#options
    this.#dirty = false
    // Whoever leads now looks by itself at what is to be exported.
    if (!leadership.isHeld) {
      this.#forget()
      return
    }
    try {
      if (this.#renew) await writeInstance(group)
      const head = await exportSnapshot(this.#options)
      const { revision, size } = head
      this.#renew = false
      if (this.#failures > 0) log.info({ group, revision }, 'export to S3 works again')
      if (!this.has(head)) log.info({ group, revision, bytes: size }, 'snapshot exported to S3')
      this.#failures = 0
      this.#exported = head
      Object.assign(this.state, { revision, lastExportAt: head.writtenAt, error: undefined })
    } catch (error) {
      this.#failed(error)
    }
  }

  /** One line for each reason, not for each try. */
  #failed(error: unknown): void {
    const { group, log, leadership } = this.#options
    if (!leadership.isHeld) {
      this.#forget()
      return
    }
    const reason = error instanceof Error ? error.message : String(error)
    this.#dirty = true
    this.#failures += 1
    const level = reason === this.state.error ? 'debug' : 'warn'
    log[level]({ group, reason, attempt: this.#failures }, 'snapshot not exported to S3')
    this.state.error = reason
  }

  /** Another one leads: what it exports is not known here. */
  #forget(): void {
    this.#failures = 0
    this.#exported = undefined
    this.#renew = true
    this.state.error = undefined
  }
}
