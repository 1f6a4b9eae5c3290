/** A worker that dies this soon after it applied a revision may have died of it. */
const SUSPECT_MS = 5_000
/** A revision this old that nothing has happened to is past suspicion. */
const FORGET_MS = 60_000
/** Suspects of one death, when the worker had acknowledged all it got. */
const MAX_SUSPECTS = 5
const MAX_RECENT = 200
const TRIES = 2

interface Recent {
  revision: number
  at: number
  /** Deaths it is suspected of. */
  tries: number
}

/** How a worker ended by itself: an error, an abort, a stall. Times are of one monotonic clock. */
export interface WorkerDeath {
  /** Revision it had acknowledged last; undefined: it never served. */
  applied: number | undefined
  servingAt: number | undefined
  at: number
}

/** A worker that lives. */
export interface Survivor {
  applied: number | undefined
  servingAt: number | undefined
}

/**
 * Finds the revision that workers die of: each death within seconds of a revision, or before the
 * worker acknowledged it, is a try of that revision; at the second it is guilty. Workers killed from
 * elsewhere say nothing: whoever kills them would have innocent revisions taken back.
 */
export class RevisionGuard {
  #recent: Recent[] = []

  /** A revision is being sent to the workers. */
  sent(revision: number, at: number): void {
    this.#recent = this.#recent.filter((entry) => at - entry.at < FORGET_MS)
    // Once more with other content, after a refusal: the tries before do not count.
    this.#recent = this.#recent.filter((entry) => entry.revision !== revision)
    this.#recent.push({ revision, at, tries: 0 })
    if (this.#recent.length > MAX_RECENT) this.#recent.shift()
  }

  /** Returns the revisions that this death proves guilty, mostly none; they are forgotten. */
  died(death: WorkerDeath, survivors: readonly Survivor[]): number[] {
    const suspects = this.#suspects(death, survivors)
    for (const entry of suspects) entry.tries += 1
    const guilty = suspects.filter(({ tries }) => tries >= TRIES)
    this.#recent = this.#recent.filter((entry) => !guilty.includes(entry))
    return guilty.map(({ revision }) => revision)
  }

  #suspects(death: WorkerDeath, survivors: readonly Survivor[]): Recent[] {
    const recent = this.#recent.filter(({ at }) => death.at - at < FORGET_MS)
    const possible = recent.filter(
      (entry) =>
        isPossible(entry, death) &&
        (entry.tries > 0 || !survivors.some(livesWith(entry, death.at))),
    )
    // What was suspected before and fits again; nothing new is blamed then.
    const again = possible.filter(({ tries }) => tries > 0)
    if (again.length > 0) return again
    if (death.applied === undefined) return possible.slice(-1)
    // Deltas are applied in order: the worker was at the first that it had not acknowledged.
    const unacknowledged = possible.filter(({ revision }) => revision > (death.applied ?? 0))
    if (unacknowledged.length > 0) return unacknowledged.slice(0, 1)
    return possible.slice(-MAX_SUSPECTS)
  }
}

function isPossible(entry: Recent, { applied, servingAt, at }: WorkerDeath): boolean {
  if (applied === undefined || entry.revision > applied) return true
  return at - Math.max(entry.at, servingAt ?? at) < SUSPECT_MS
}

/** Whether a worker has served the revision for long enough to say that it does no harm. */
function livesWith(entry: Recent, now: number): (survivor: Survivor) => boolean {
  return ({ applied, servingAt }) =>
    applied !== undefined &&
    servingAt !== undefined &&
    applied >= entry.revision &&
    now - Math.max(entry.at, servingAt) >= SUSPECT_MS
}
