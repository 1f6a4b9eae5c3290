import { Type } from '../../../src/model/schema-builder.ts'
import { definePlugin, type Plugin, type PluginInstance } from '../../../src/plugins/contract.ts'
import { NO_METRICS } from '../../../src/plugins/no-metrics.ts'
import { NO_QUOTA } from '../../../src/plugins/no-quota.ts'
import { createPluginRegistry } from '../../../src/plugins/registry.ts'
import { createLogger } from '../../../src/support/logger.ts'
import type { PluginServices } from '../../../src/worker/plugins/plugin-services.ts'

/** Services with these plugins only. */
export function createServices(
  plugins: readonly Plugin[] = [],
  environment: NodeJS.ProcessEnv = {},
): PluginServices {
  const registry = createPluginRegistry([])
  registry.configure(plugins, undefined)
  const log = createLogger({ level: 'silent', role: 'worker' })
  return {
    registry,
    log,
    environment,
    now: Date.now,
    jobs: { run: () => Promise.reject(new Error('no jobs here')) },
    http: { send: () => Promise.reject(new Error('nobody is there')) },
    quota: NO_QUOTA,
    metrics: NO_METRICS,
  }
}

export const NO_SERVICES = createServices()

/** A plugin that does what `create` says; its configuration may hold anything. */
export function fakePlugin(
  name: string,
  priority: number,
  create: (config: Record<string, unknown>) => PluginInstance,
  more: Partial<Plugin> = {},
): Plugin {
  const schema = Type.Unsafe<Record<string, unknown>>({ type: 'object' })
  return { ...definePlugin({ name, priority, schema, create }), ...more }
}
