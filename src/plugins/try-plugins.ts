import { isOfConsumer, type ResourceBody, type ResourceKind } from '../model/resource-kind.ts'
import { applyDefaults } from '../support/apply-defaults.ts'
import { compileExpression } from '../support/expression/expression.ts'
import { createLogger } from '../support/logger.ts'
import { pluginFailure } from '../support/validate-plugins.ts'
import type { Plugin, PluginHost } from './contract.ts'
import { NO_METRICS } from './no-metrics.ts'
import { NO_QUOTA } from './no-quota.ts'
import type { PluginRegistry } from './registry.ts'

type Config = Record<string, unknown>

/** A value that only the gateway knows; also in the middle of a text. */
const REFERENCE = /\$(?:env|secret):\/\//i

const log = createLogger({ level: 'silent', role: 'control' })

/**
 * Configures the plugins of a valid object as a gateway will, and throws them away: what one of them
 * refuses is known while its author is still there. Returns the refusal.
 */
export function tryPlugins(
  registry: PluginRegistry,
  kind: ResourceKind,
  body: ResourceBody,
): string | undefined {
  for (const [name, config] of Object.entries((body['plugins'] ?? {}) as Record<string, Config>)) {
    const plugin = registry.find(name)
    if (plugin === undefined) continue
    const reason = tryOne(registry, plugin, kind, String(body.id ?? ''), config)
    if (reason === undefined) continue
    const problem = pluginFailure(name, reason)
    return kind === 'consumers' ? `invalid plugins configuration: ${problem}` : problem
  }
  return undefined
}

function tryOne(
  registry: PluginRegistry,
  plugin: Plugin,
  kind: ResourceKind,
  id: string,
  { _meta, ...config }: Config,
): string | undefined {
  const { filter } = (_meta ?? {}) as { filter?: unknown[] }
  try {
    if (filter !== undefined) compileExpression(filter)
    if (isOfConsumer(kind) && plugin.type === 'auth') {
      plugin.checkConsumer?.(applyDefaults(plugin.consumerSchema ?? plugin.schema, config))
      return undefined
    }
    // What a reference stands for is known only where it is served.
    if (REFERENCE.test(JSON.stringify(config))) return undefined
    const host = trialHost(registry, { kind, id })
    plugin.create(applyDefaults(plugin.schema, config) as never, host).stop?.()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** A host on which nothing has any effect. */
function trialHost(registry: PluginRegistry, owner: PluginHost['owner']): PluginHost {
  const host: PluginHost = {
    owner,
    log,
    now: Date.now,
    metadata: () => ({}),
    consumers: { find: () => undefined, byName: () => undefined, attach() {} },
    upstreams: {
      refer: (upstreamId) => ({ upstreamId }),
      create: () => ({ upstreamId: undefined }),
    },
    http: { send: () => Promise.reject(new Error('no request while a configuration is tried')) },
    jobs: { run: () => Promise.reject(new Error('no job while a configuration is tried')) },
    quota: NO_QUOTA,
    metrics: NO_METRICS,
    configure({ name, config }) {
      const nested = registry.find(name)
      return nested?.create(applyDefaults(nested.schema, config) as never, host)
    },
  }
  return host
}
