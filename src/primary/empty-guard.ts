import type { Logger } from 'pino'
import type { ConfigState } from '../model/config-state.ts'
import { EMPTY_DIGEST } from '../model/digest.ts'
import { ConfigError } from '../model/errors.ts'
import { RESOURCE_KINDS } from '../model/resource-kind.ts'
import type { Snapshot } from '../model/snapshot.ts'

/** How often the same refusal is logged. */
const REPEAT_MS = 10 * 60_000

/**
 * Keeps emptiness out. Whoever deletes the last object leaves a history that leads there; an empty
 * configuration without one is a database that was wiped, made anew, or mistaken for another. It
 * never replaces one that is served: a change that is written there does.
 */
export class EmptyGuard {
  readonly #log: Logger
  readonly #now: () => number
  #reason: string | undefined
  #toldAt = Number.NEGATIVE_INFINITY

  constructor(log: Logger, now = () => performance.now()) {
    this.#log = log
    this.#now = now
  }

  /** Why the last snapshot was refused; undefined: it was not. */
  get reason(): string | undefined {
    return this.#reason
  }

  /** @throws ConfigError GW_CONFIG_EMPTY when the snapshot must not replace what is served. */
  check(snapshot: Snapshot, served: ConfigState | undefined): void {
    if (served === undefined || !isUnfounded(snapshot, served)) {
      this.#reason = undefined
      this.#toldAt = Number.NEGATIVE_INFINITY
      return
    }
    const { mark, size } = served
    const { epoch: sourceEpoch, revision } = snapshot._meta
    this.#reason =
      `the source is empty (revision ${revision}) and has no history that leads there; ` +
      `revision ${mark.revision} (${size} objects) stays in service until a change is written there`
    const now = this.#now()
    if (now - this.#toldAt >= REPEAT_MS) {
      this.#toldAt = now
      const line = { revision: mark.revision, epoch: mark.epoch, sourceEpoch, objects: size }
      this.#log.error(line, 'source is empty, what was served stays')
    }
    throw new ConfigError('GW_CONFIG_EMPTY', this.#reason)
  }
}

/** Empty, and not by deletes that followed on what is served. */
function isUnfounded(snapshot: Snapshot, { mark, size }: ConfigState): boolean {
  const { epoch, revision, digest } = snapshot._meta
  // Another digest: the objects were removed behind the back of the history.
  const follows = epoch === mark.epoch && revision >= mark.revision && digest === EMPTY_DIGEST
  return size > 0 && !follows && isEmpty(snapshot)
}

function isEmpty(snapshot: Snapshot): boolean {
  return RESOURCE_KINDS.every((kind) => !snapshot[kind]?.length)
}
