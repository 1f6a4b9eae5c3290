/** Where a primary stands: which cluster it is of, and how often that one was promoted. */
export interface ServerLine {
  /** System identifier: made by initdb, kept by every copy. */
  system: string
  /** Counts up with each promotion. */
  timeline: number
}

/**
 * What this process has seen of servers. Not of one connector: what the pool has learned holds for
 * the subscription too. It only grows, by an entry for each server that was ever reached.
 */
const newest = new Map<string, number>()
const lastSeen = new Map<string, ServerLine>()

/** Remembers what a host said it is; undefined = a standby, or it does not tell. */
export function noteServer(label: string, line: ServerLine | undefined): void {
  if (line === undefined) {
    lastSeen.delete(label)
    return
  }
  lastSeen.set(label, line)
  newest.set(line.system, Math.max(line.timeline, newest.get(line.system) ?? 0))
}

/**
 * The newest timeline, if it is not the one of this primary: a standby of it was promoted, so it
 * is no longer where the writes go, even if it came back and takes them.
 */
export function overtakenBy(line: ServerLine | undefined): number | undefined {
  if (line === undefined) return undefined
  const latest = newest.get(line.system) ?? 0
  return latest > line.timeline ? latest : undefined
}

/** Why a host must not be used any more: for what was connected before another was promoted. */
export function leftBehind(label: string): Error | undefined {
  const line = lastSeen.get(label)
  const latest = overtakenBy(line)
  return line && latest !== undefined ? leftBehindError(line, latest) : undefined
}

export const LEFT_BEHIND = 'HOLDFAST_LEFT_BEHIND'

/** The message goes behind the host's name. */
export function leftBehindError({ timeline }: ServerLine, latest: number): Error {
  const message = `was left behind by a promotion (its timeline is ${timeline}, the newest is ${latest})`
  return Object.assign(new Error(message), { code: LEFT_BEHIND })
}
