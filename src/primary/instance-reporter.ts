import cluster from 'node:cluster'
import type { Logger } from 'pino'
import type { InstanceReport } from '../model/instance.ts'
import type { Claim, InstanceIdentity, InstanceRepository } from '../store/instances.ts'
import { claimIdentity, replaceIdentity } from './instance-identity.ts'

/** A revision comes with a message from each worker: they go out together. */
const SETTLE_MS = 15
/** Under a stream of changes, the row is written this often at most. */
const MIN_GAP_MS = 50
/** A stop does not wait longer for a database that is away. */
const GOOD_BYE_MS = 1_000

interface ReporterOptions {
  repository: InstanceRepository
  dataDir: string
  group: string
  heartbeatMs: number
  log: Logger
}

/** What is known of the heartbeat, for `/status/sync`. */
export interface ReporterState {
  id: string | undefined
  /** When the last heartbeat got through; undefined = none yet. */
  reportedAt: string | undefined
  /** Why the last one did not. */
  error: string | undefined
}

/**
 * Keeps the instance's row in the database current: every heartbeat, and at once when what is
 * served changes. Nothing waits for it, and what does not get through is skipped.
 */
export class InstanceReporter {
  readonly #options: ReporterOptions
  readonly #startedAt = performance.now()
  /** What there is to report now. */
  #report: () => InstanceReport = () => {
    throw new Error('not started')
  }
  #identity: InstanceIdentity | undefined
  #claim: Claim | undefined
  #timer: NodeJS.Timeout | undefined
  #dueAt = Number.POSITIVE_INFINITY
  #sentAt = Number.NEGATIVE_INFINITY
  #told = ''
  #sending: Promise<void> | undefined
  #stopped = false
  #state: ReporterState = { id: undefined, reportedAt: undefined, error: undefined }

  constructor(options: ReporterOptions) {
    this.#options = options
  }

  get state(): ReporterState {
    return this.#state
  }

  /** Finds out who we are and reports from now on. Never fails. */
  async start(report: () => InstanceReport): Promise<void> {
    const { dataDir, log } = this.#options
    this.#report = report
    this.#identity = await claimIdentity(dataDir, log)
    const { id } = this.#identity
    this.#state = { ...this.#state, id }
    log.info({ instance: id }, 'instance id')
    if (this.#stopped) return
    cluster.on('message', this.#look)
    cluster.on('exit', this.#look)
    this.#sendAt(performance.now())
  }

  /** Says that this instance is not to be missed. Idempotent. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    clearTimeout(this.#timer)
    cluster.off('message', this.#look)
    cluster.off('exit', this.#look)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, GOOD_BYE_MS)
    })
    await Promise.race([late, this.#sayGoodBye()])
    clearTimeout(timer)
  }

  /**
   * Every message of a worker is an occasion to look whether there is news: its acknowledgements,
   * and its heartbeats, twice a second, for what changes without one.
   */
  readonly #look = (): void => {
    if (this.#dueAt <= performance.now() + MIN_GAP_MS) return
    if (newsOf(this.#report()) === this.#told) return
    this.#sendAt(Math.max(performance.now() + SETTLE_MS, this.#sentAt + MIN_GAP_MS))
  }

  #sendAt(at: number): void {
    if (this.#stopped) return
    clearTimeout(this.#timer)
    this.#dueAt = at
    this.#timer = setTimeout(() => this.#beat(), Math.max(0, at - performance.now()))
    // The workers and listeners keep the process alive, not the wish to report.
    this.#timer.unref()
  }

  #beat(): void {
    this.#sending ??= this.#send(false).finally(() => {
      this.#sending = undefined
    })
    void this.#sending.then(() => {
      const changed = newsOf(this.#report()) !== this.#told && this.#state.error === undefined
      this.#sendAt(this.#sentAt + (changed ? MIN_GAP_MS : this.#options.heartbeatMs))
    })
  }

  async #sayGoodBye(): Promise<void> {
    await this.#sending
    // Without a claim there is no row of ours.
    if (this.#claim !== undefined) await this.#send(true)
  }

  async #send(stopped: boolean): Promise<void> {
    const { repository, group, log } = this.#options
    if (this.#identity === undefined) return
    const report = this.#report()
    this.#sentAt = performance.now()
    const uptimeMs = this.#sentAt - this.#startedAt
    const heartbeat = { ...this.#identity, group, report, uptimeMs, stopped, claim: this.#claim }
    try {
      const claim = await repository.report(heartbeat)
      this.#told = newsOf(report)
      if (claim === undefined) return await this.#yield()
      this.#claim = claim
      if (this.#state.error !== undefined) log.info('heartbeat goes through again')
      this.#state = {
        ...{ id: this.#identity.id, error: undefined },
        reportedAt: new Date().toISOString(),
      }
    } catch (error) {
      const { message } = error as Error
      // Once per outage: the database's connector tells the rest.
      if (this.#state.error === undefined) log.info({ reason: message }, 'heartbeat skipped')
      this.#state = { ...this.#state, error: message }
    }
  }

  /** Another process has our id. Whoever came later keeps it; one that is stopping needs no other. */
  async #yield(): Promise<void> {
    const { dataDir, log } = this.#options
    this.#told = ''
    if (this.#stopped || this.#identity === undefined) return
    if (!this.#report().following) return
    this.#identity = await replaceIdentity(dataDir, this.#identity, log)
    this.#claim = undefined
    this.#state = { ...this.#state, id: this.#identity.id }
  }
}

/** What is worth a report at once, as text to compare. */
function newsOf({ applied, servedDigest, workers, ...report }: InstanceReport): string {
  const { tier, connected, notReady, draining, following, quarantined } = report
  return JSON.stringify([
    ...[applied, servedDigest, tier, connected, notReady, draining, following, quarantined],
    workers.map(({ id, applied: mark, serving }) => [id, mark, serving]),
  ])
}
