import type { Logger } from 'pino'
import type { NodeHealth } from '../../model/health.ts'
import type { GatewaySettings } from '../../settings/gateway-settings.ts'
import { createNameLookup } from '../../upstream/names/name-lookup.ts'
import { createNameService } from '../../upstream/names/name-service.ts'
import type { ConfigEvents } from '../config-service.ts'
import { HealthKeeper } from './health-keeper.ts'
import { HealthService } from './health-service.ts'

/** The health checks of a gateway, with what was known before its start. */
export async function createHealth(
  { dataDir, gatewayGroup, health, dns, upstream }: GatewaySettings,
  log: Logger,
  send: (nodes: readonly NodeHealth[]) => void,
): Promise<HealthService> {
  const keeper = new HealthKeeper(dataDir, gatewayGroup, log)
  await keeper.load(health.maxAgeMs)
  const { servers, timeoutMs, minTtlMs, maxTtlMs } = dns
  const names = createNameService(createNameLookup({ servers, timeoutMs }), { minTtlMs, maxTtlMs })
  const { concurrency } = health
  const { trustedCa } = upstream
  return new HealthService({ concurrency, trustedCa, keeper, names, log, send })
}

/** Tells both of a new configuration, in this order. */
export function tellBoth(first: ConfigEvents, second: ConfigEvents): ConfigEvents {
  return {
    onSnapshot(config) {
      first.onSnapshot(config)
      second.onSnapshot(config)
    },
    onDelta(delta) {
      first.onDelta(delta)
      second.onDelta(delta)
    },
  }
}
