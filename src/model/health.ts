/**
 * What checks make of a node. The `mostly` ones are on the way: the node still counts as what it was,
 * but the last check said otherwise.
 */
export const NODE_STATES = ['healthy', 'mostly_healthy', 'mostly_unhealthy', 'unhealthy'] as const

export type NodeState = (typeof NODE_STATES)[number]

/** True when a node in this state gets requests. */
export function isUsable(state: NodeState): boolean {
  return state === 'healthy' || state === 'mostly_healthy'
}

/** What workers must know of one node; of a node that is not mentioned all is well. */
export interface NodeHealth {
  /** Where the upstream stands: `upstreams/1`, or `routes/5` and `services/3` for inline ones. */
  owner: string
  /** `address:port`, as connected to. */
  node: string
  state: NodeState
  /** Taken out by outlier ejection. */
  ejected: boolean
  /** Its share of the requests grows, from `since` (monotonic clock of the machine), for so long. */
  slowStart?: { since: number; windowMs: number } | undefined
}

/**
 * Attempts in the order they ended: failures by kind, then the successes that followed. A list of
 * these keeps what thresholds are about, failures in a row, and stays short.
 */
export type AttemptRun = [http: number, tcp: number, timeouts: number, successes: number]

/** What a worker's requests met at one node since its last report. */
export interface AttemptReport {
  owner: string
  node: string
  /** The name that was resolved to this address, if it is one of a name. */
  name?: string | undefined
  /** Judged by `checks.passive`. */
  passive?: AttemptRun[] | undefined
  /** Judged by `holdfast.outlier_ejection`. */
  outlier?: AttemptRun[] | undefined
}
