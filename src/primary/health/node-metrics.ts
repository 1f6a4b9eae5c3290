import { Gauge, type Registry } from 'prom-client'
import type { HealthService } from './health-service.ts'

/** One value per checked node. */
export function registerNodeHealth(
  registry: Registry,
  health: Pick<HealthService, 'upstreams'>,
): void {
  new Gauge({
    name: 'holdfast_upstream_node_healthy',
    help: '1 while the node gets requests, 0 while checks or ejection keep it from them.',
    labelNames: ['upstream', 'node'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { owner: upstream, nodes } of health.upstreams) {
        for (const { key: node, usable } of nodes) this.set({ upstream, node }, +usable)
      }
    },
  })
}
