import type { Logger } from 'pino'
import { RevisionGuard } from './revision-guard.ts'
import type { WorkerLink } from './worker-link.ts'

const REASON = 'workers died of it twice'

interface BlameOptions {
  log: Logger
  /** Takes back what the revision changed; false: nothing is known of what was before it. */
  takeBack: (revision: number, reason: string) => boolean
  /**
   * Finds something else to serve instead of the revision that the gateway was started with; false:
   * there is nothing (left), undefined: it was not started with this one.
   */
  goBack: (revision: number, reason: string) => Promise<boolean | undefined>
  /** The workers got another configuration: those whose start was put off may start. */
  onTakenBack: () => void
}

type BlamedLink = Pick<WorkerLink, 'applied' | 'servingAt' | 'appliedAt' | 'fedAt'>

/** Has revisions taken back that workers die of. */
export class RevisionBlame {
  readonly #options: BlameOptions
  readonly #guard = new RevisionGuard()
  #refusals = 0
  #refusedAt = 0
  /** The same, as `performance.now()`. */
  #takenBackAt = Number.NEGATIVE_INFINITY
  #deadEnd: number | undefined

  constructor(options: BlameOptions) {
    this.#options = options
  }

  /** Revisions refused since the start. */
  get refusals(): number {
    return this.#refusals
  }

  /** When a revision was refused last, in milliseconds since 1970. */
  get refusedAt(): number {
    return this.#refusedAt
  }

  /** Revision that workers die of while there is nothing else to serve. */
  get deadEnd(): number | undefined {
    return this.#deadEnd
  }

  /** A revision is being sent to the workers. */
  sent(revision: number): void {
    this.#deadEnd = undefined
    this.#guard.sent(revision, performance.now())
  }

  /** A worker ended, or hangs, through its own fault. */
  died(link: BlamedLink, survivors: readonly BlamedLink[]): void {
    // One that was not given any configuration yet did not die of it …
    if (link.fedAt === undefined) return
    // … and one that was given what has been taken back meanwhile says nothing new.
    const isStale = link.fedAt < this.#takenBackAt && (link.appliedAt ?? 0) < this.#takenBackAt
    if (isStale) return
    const death = { ...view(link), at: performance.now() }
    const guilty = this.#guard.died(death, survivors.map(view))
    const taken = guilty.filter((revision) => this.#options.takeBack(revision, REASON))
    if (taken.length > 0) this.#takenBack(taken)
    for (const revision of guilty) {
      if (!taken.includes(revision)) void this.#goBack(revision)
    }
  }

  async #goBack(revision: number): Promise<void> {
    const { goBack, log } = this.#options
    const found = await goBack(revision, REASON)
    if (found === true) this.#takenBack([revision])
    if (found !== false) return
    this.#deadEnd = revision
    log.error({ revision }, 'workers die of the configuration, and there is no other to go back to')
  }

  #takenBack(revisions: readonly number[]): void {
    const { log, onTakenBack } = this.#options
    this.#refusals += revisions.length
    this.#refusedAt = Date.now()
    this.#takenBackAt = performance.now()
    log.error({ revisions, reason: REASON }, 'revision refused, taken back')
    onTakenBack()
  }
}

function view({ applied, servingAt }: BlamedLink) {
  return { applied: applied?.revision, servingAt }
}
