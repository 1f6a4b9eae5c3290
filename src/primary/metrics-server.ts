import { pipeline } from 'node:stream/promises'
import type { ListenAddress } from './acceptor.ts'
import { type HttpListener, listenHttp } from './http-listener.ts'
import type { Metrics } from './metrics.ts'

/** Serves the metrics on `/metrics` and, as APISIX has it, on `/apisix/prometheus/metrics`. */
export function startMetricsServer(
  address: ListenAddress,
  fd: number | undefined,
  metrics: Metrics,
): Promise<HttpListener> {
  const paths = new Set(['/metrics', '/apisix/prometheus/metrics'])
  return listenHttp(address, fd, (request, response) => {
    if (!paths.has((request.url ?? '').replace(/\?.*$/, ''))) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { 'content-type': metrics.type })
    // It fails when the scraper goes away.
    pipeline(metrics.text(), response).catch(() => response.destroy())
  })
}
