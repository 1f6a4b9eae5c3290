import type { Exchange, ExchangeHandler } from '../http/exchange.ts'
import { hostOf } from '../routing/host.ts'
import { normalizePath } from '../routing/path.ts'
import type { ConfigHolder } from './config-holder.ts'
import { replyError } from './error-reply.ts'
import { GatewayRequest } from './gateway-request.ts'
import { type CallServices, ProxyCall } from './proxy-call.ts'

interface RequestHandlerOptions extends CallServices {
  config: ConfigHolder
  /** True for peers whose X-Forwarded-* fields are believed. */
  isTrusted(address: string): boolean
  maxBufferedBodyBytes: number
}

/**
 * The life of a request: path and host are normalised once, the router finds the plan, the plan's
 * plugins run, its upstream gets the request. Matching sees the decoded path; the node gets the
 * target as sent.
 */
export function createRequestHandler(options: RequestHandlerOptions): ExchangeHandler {
  const { config, isTrusted, maxBufferedBodyBytes } = options
  return (exchange: Exchange) => {
    const path = normalizePath(exchange.target)
    const trusted = isTrusted(exchange.connection.remoteAddress)
    const host = hostOf(exchange.authority)
    const request = new GatewayRequest(exchange, path ?? '', host, trusted, maxBufferedBodyBytes)
    const call = new ProxyCall(request, options)
    const table = config.current
    if (path === undefined) {
      replyError(exchange, 400)
    } else if (table === undefined) {
      replyError(exchange, 503)
    } else {
      request.plan = table.router.match(request)
      call.start(request.plan === undefined ? table.plugins.unrouted : request.plan.chain)
    }
  }
}
