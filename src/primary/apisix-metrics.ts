import { hostname } from 'node:os'
import { Gauge, type Registry } from 'prom-client'
import { isUsable } from '../model/health.ts'
import { showUpstream } from './control-api/health-answers.ts'
import type { StatusParts } from './status.ts'

/** What APISIX exports of a node as a whole, under its names: its dashboards and alerts know them. */
export function registerApisixMetrics(registry: Registry, parts: StatusParts): void {
  registerUpstreamStatus(registry, parts)
  registerConnections(registry, parts)
  const registers = [registry]
  new Gauge({
    name: 'apisix_http_requests_total',
    help: 'The total number of client requests since the start, refused ones included.',
    registers,
    collect() {
      const { requestsByStatus, refusedByStatus } = parts.supervisor.stats
      this.set(sum(requestsByStatus) + sum(refusedByStatus))
    },
  })
  new Gauge({
    name: 'apisix_node_info',
    help: 'Always 1; host and version are in the labels.',
    labelNames: ['hostname', 'version'],
    registers,
  }).set({ hostname: hostname(), version: parts.version }, 1)
  new Gauge({
    name: 'apisix_etcd_reachable',
    help: 'Configuration source reachable, 0 is unreachable.',
    registers,
    collect() {
      this.set(+parts.config.state.connected)
    },
  })
  new Gauge({
    name: 'apisix_etcd_modify_indexes',
    help: 'Revision of the configuration that is served.',
    labelNames: ['key'],
    registers,
    collect() {
      const revision = parts.config.serving?.source.mark.revision ?? 0
      this.set({ key: 'max_modify_index' }, revision)
    },
  })
}

function registerUpstreamStatus(registry: Registry, { health }: StatusParts): void {
  new Gauge({
    name: 'apisix_upstream_status',
    help: 'Upstream status from health check.',
    labelNames: ['name', 'ip', 'port'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { name, nodes } of health.upstreams.map(showUpstream)) {
        for (const { ip, port, status } of nodes) {
          this.set({ name, ip, port }, +isUsable(status))
        }
      }
    },
  })
}

function registerConnections(registry: Registry, parts: StatusParts): void {
  new Gauge({
    name: 'apisix_nginx_http_current_connections',
    help: 'Number of HTTP connections.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const { connections, connectionsTotal, requestsInFlight } = parts.supervisor.stats
      // One request at a time on a connection: what is in flight is on a connection of its own.
      const writing = Math.min(requestsInFlight, connections)
      this.set({ state: 'active' }, connections)
      this.set({ state: 'accepted' }, connectionsTotal + parts.refusedConnections())
      this.set({ state: 'handled' }, connectionsTotal)
      this.set({ state: 'reading' }, 0)
      this.set({ state: 'writing' }, writing)
      this.set({ state: 'waiting' }, connections - writing)
    },
  })
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}
