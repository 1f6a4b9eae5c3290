import type { Exchange, ExchangeHandler } from '../http/exchange.ts'
import type { RawHeaders } from '../model/http-message.ts'
import { hostOf } from '../routing/host.ts'
import { normalizePath } from '../routing/path.ts'
import { fieldValue } from '../support/header-fields.ts'
import type { ConfigHolder } from './config-holder.ts'
import { replyError } from './error-reply.ts'
import { GatewayRequest } from './gateway-request.ts'
import { type CallServices, ProxyCall } from './proxy-call.ts'
import type { RouteTable } from './route-table.ts'

interface RequestHandlerOptions extends CallServices {
  config: ConfigHolder
  /** True for peers whose X-Forwarded-* fields are believed. */
  isTrusted(address: string): boolean
  maxBufferedBodyBytes: number
}

/**
 * The life of a request: path and host are normalised once, the router finds the plan, the plan's
 * plugins run, its upstream gets the request. Matching sees the decoded path; the node gets the
 * target as sent. A body is read before that only if some route has a condition on bodies.
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
    } else if (table.router.needsBody && request.hasBody && isReadable(exchange.headers)) {
      request.readBody().then(
        () => route(table, request, call),
        (error: unknown) => call.failed(error),
      )
    } else {
      route(table, request, call)
    }
  }
}

function route(table: RouteTable, request: GatewayRequest, call: ProxyCall): void {
  request.plan = table.router.match(request)
  call.start(request.plan === undefined ? table.plugins.unrouted : request.plan.chain)
}

/** True for bodies that conditions of routes can look into: forms, JSON, GraphQL. */
function isReadable(headers: RawHeaders): boolean {
  const type = fieldValue(headers, 'content-type') ?? ''
  return /^(?:application\/(?:x-www-form-urlencoded|graphql|(?:[\w.+-]+\+)?json)|multipart\/form-data)/i.test(
    type,
  )
}
