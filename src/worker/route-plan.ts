import type { RouteFacts } from '../model/request-context.ts'
import type { Timeouts } from '../upstream/upstream.ts'
import type { PlanChain } from './plugins/plan-chain.ts'
import type { UpstreamCell } from './upstream-cell.ts'

/** What a request needs to know once its route is found; compiled when the configuration changes. */
export interface RoutePlan {
  readonly facts: RouteFacts
  readonly upstream: UpstreamCell
  /** The route's own time-outs, which precede its upstream's. */
  readonly timeouts: Timeouts | undefined
  readonly chain: PlanChain
}
