import type { ListenAddress } from '../../settings/listen-address.ts'
import { VERSION } from '../../support/version.ts'

interface BannerFacts {
  http: readonly ListenAddress[]
  admin: ListenAddress
  status: ListenAddress
  metrics: ListenAddress
  demoPort: number
  adminKey: string
  dataDir: string
}

/** What quickstart prints when all is ready: where everything is, and a first route to paste. */
export function quickstartBanner(facts: BannerFacts): string {
  const { http, admin, status, metrics, demoPort, adminKey, dataDir } = facts
  const proxy = http[0] === undefined ? '' : url(http[0])
  const route = {
    uri: '/hello',
    upstream: { type: 'roundrobin', nodes: { [`127.0.0.1:${demoPort}`]: 1 } },
  }
  return `
Holdfast ${VERSION} is ready.

  Proxy       ${http.map(url).join('  ')}
  Admin API   ${url(admin)}
  Admin key   ${adminKey}
  Status      ${url(status)}/status/sync
  Metrics     ${url(metrics)}/metrics
  Demo node   http://127.0.0.1:${demoPort} (a small server, for a first route)
  Data, logs  ${dataDir}

Create a route to the demo node, and call it:

  curl -X PUT ${url(admin)}/apisix/admin/routes/hello \\
    -H ${shellQuote(`X-API-KEY: ${adminKey}`)} -H 'Content-Type: application/json' \\
    -d '${JSON.stringify(route)}'

  curl ${proxy}/hello

Ctrl-C stops everything.
`
}

/** Of the machine itself, when it listens on all addresses. */
function url({ host, port }: ListenAddress): string {
  if (host === '0.0.0.0' || host === '::') return `http://127.0.0.1:${port}`
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
