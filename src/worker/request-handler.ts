import type { Exchange, ExchangeHandler } from '../http/exchange.ts'
import { hostOf } from '../routing/host.ts'
import type { BodyBudget } from './body-budget.ts'
import { isBodyError } from './buffered-body.ts'
import type { ConfigHolder } from './config-holder.ts'
import { replyError } from './error-reply.ts'
import { GatewayRequest } from './gateway-request.ts'
import { type CallServices, ProxyCall } from './proxy-call.ts'
import type { RouteTable } from './route-table.ts'

interface RequestHandlerOptions extends CallServices {
  config: ConfigHolder
  /** True for peers whose X-Forwarded-* fields are believed. */
  isTrusted(address: string): boolean
  /** Path for matching; undefined = 400. */
  normalizePath(target: string): string | undefined
  /** What bodies may take that are held in memory. */
  bodies: BodyBudget
}

/**
 * The life of a request: path and host are normalised once, the router finds the plan, the plan's
 * plugins run, its upstream gets the request. Matching sees the decoded path; the node gets the
 * target as sent. A body is read before that only if a route that may take it has conditions on it;
 * those on a body that is announced as larger than what may be held are not met, as in APISIX.
 */
export function createRequestHandler(options: RequestHandlerOptions): ExchangeHandler {
  const { config, isTrusted, normalizePath, bodies, log } = options
  return (exchange: Exchange) => {
    const path = normalizePath(exchange.target)
    const trusted = isTrusted(exchange.connection.remoteAddress)
    const host = hostOf(exchange.authority)
    const request = new GatewayRequest(exchange, path ?? '', host, trusted, bodies)
    const call = new ProxyCall(request, options)
    const table = config.current
    if (path === undefined) {
      replyError(exchange, 400)
    } else if (table === undefined) {
      replyError(exchange, 503)
    } else if (request.mayReadBody && table.router.wantsBody(request)) {
      request
        .readBody()
        .then(() => route(config.current ?? table, request, call))
        .catch((error: unknown) => {
          if (!isBodyError(error)) log.error({ err: error }, 'request failed')
          call.failed(error)
        })
    } else {
      route(table, request, call)
    }
  }
}

function route(table: RouteTable, request: GatewayRequest, call: ProxyCall): void {
  request.plan = table.router.match(request)
  call.start(request.plan === undefined ? table.plugins.unrouted : request.plan.chain)
}
