import type { Exchange, ExchangeHandler } from '../http/exchange.ts'
import { forwardedRequestHeaders } from '../http/forwarding.ts'
import { hostOf } from '../routing/host.ts'
import { normalizePath } from '../routing/path.ts'
import type { ConfigHolder } from './config-holder.ts'
import { replyError } from './error-reply.ts'
import { ProxyCall } from './proxy-call.ts'
import type { StatsCollector } from './stats.ts'

/**
 * The life of a request: path and host are normalised once, the router finds the plan, the plan's
 * upstream gets the request. Matching sees the decoded path; the node gets the target as sent.
 */
export function createRequestHandler(
  config: ConfigHolder,
  stats: StatsCollector,
  isTrusted: (address: string) => boolean,
): ExchangeHandler {
  return (exchange: Exchange) => {
    const call = new ProxyCall(exchange, stats)
    const path = normalizePath(exchange.target)
    if (path === undefined) {
      replyError(exchange, 400)
      return
    }
    const host = hostOf(exchange.authority)
    const plan = config.current?.router.match({ method: exchange.method, host, path })
    if (plan === undefined) {
      replyError(exchange, 404, 'Route Not Found')
      return
    }
    const upstream = plan.upstream.current
    if (upstream === undefined) {
      replyError(exchange, 503)
      return
    }
    const trusted = isTrusted(exchange.connection.remoteAddress)
    call.start(upstream, plan, forwardedRequestHeaders(exchange, trusted))
  }
}
