import type { Logger } from 'pino'
import type { RevisionMark } from '../../model/revision.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import { backoffMs } from '../../support/backoff.ts'
import type { SnapshotImporter } from './config-source.ts'

/** Between tries while there is nothing to serve. */
const RETRY = { baseMs: 1_000, maxMs: 30_000 }
const MIN_RETRY_MS = 500
/** Between looks for something newer while an older configuration serves. */
const REFRESH_MS = 30_000

interface FallbackOptions {
  importer: SnapshotImporter
  /** The source that the instance follows may take this long before the fallback is asked. */
  graceMs: number
  log: Logger
  /** True while the source can't be read. */
  isNeeded: () => boolean
  /** What is served. */
  known: () => RevisionMark | undefined
  /** Takes over a snapshot; false when it is not better than what is served. */
  adopt: (snapshot: Snapshot) => Promise<boolean>
}

/** Asks S3 while the source can't be read: soon where there is nothing to serve, else seldom. */
export class FallbackLoop {
  readonly #options: FallbackOptions
  #timer: NodeJS.Timeout | undefined
  #asking: Promise<void> | undefined
  #stopped = false
  #attempt = 0

  constructor(options: FallbackOptions) {
    this.#options = options
  }

  start(): void {
    const { importer, known, graceMs } = this.#options
    // Read during the grace: what is left for its end is to take it over.
    if (known() === undefined) importer.prepare()
    this.#later(graceMs)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#options.importer.stop()
    await this.#asking
  }

  #later(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#asking = this.#tick().then(() => {
        if (!this.#stopped) this.#later(this.#delayMs())
      })
    }, delayMs)
  }

  #delayMs(): number {
    const isServing = this.#options.known() !== undefined
    if (isServing) return REFRESH_MS / 2 + Math.random() * REFRESH_MS
    return MIN_RETRY_MS + backoffMs(this.#attempt++, RETRY)
  }

  async #tick(): Promise<void> {
    const { importer, isNeeded, known, adopt, log } = this.#options
    if (!isNeeded()) return
    const snapshot = await importer.load({ have: known() })
    if (this.#stopped || snapshot === undefined || !isNeeded()) return
    this.#attempt = 0
    if (!(await adopt(snapshot))) return
    log.warn({ revision: snapshot._meta.revision }, 'configuration taken from S3')
  }
}
