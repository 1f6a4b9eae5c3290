import type { Timeouts } from '../upstream/upstream.ts'
import type { UpstreamCell } from './upstream-cell.ts'

/** What a request needs to know once its route is found; compiled when the configuration changes. */
export interface RoutePlan {
  readonly routeId: string
  readonly serviceId: string | undefined
  readonly upstream: UpstreamCell
  /** The route's own time-outs, which precede its upstream's. */
  readonly timeouts: Timeouts | undefined
}
