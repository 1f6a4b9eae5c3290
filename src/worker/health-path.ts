import type { Exchange, ExchangeHandler } from '../http/exchange.ts'

const JSON_TYPE = ['content-type', 'application/json; charset=utf-8', 'cache-control', 'no-store']

/**
 * Answers one path by itself, for balancers that can probe only the traffic port: 200 while traffic
 * is welcome, 503 while the gateway drains. Such probes are not counted as requests.
 */
export function withHealthPath(
  path: string | undefined,
  isWelcome: () => boolean,
  next: ExchangeHandler,
): ExchangeHandler {
  if (path === undefined) return next
  return (exchange: Exchange) => {
    if (exchange.target !== path) {
      next(exchange)
      return
    }
    if (isWelcome()) exchange.reply(200, [...JSON_TYPE], '{"status":"ok"}\n')
    else exchange.reply(503, [...JSON_TYPE], '{"status":"error","error":"draining"}\n')
  }
}
