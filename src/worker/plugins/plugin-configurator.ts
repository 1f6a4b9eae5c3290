import { ConfigError, GatewayError } from '../../model/errors.ts'
import type { ResourceBody, ResourceKind } from '../../model/resource-kind.ts'
import type { NestedPlugin, Plugin, PluginHost, PluginInstance } from '../../plugins/contract.ts'
import { applyDefaults } from '../../support/apply-defaults.ts'
import { resolveEnvironment } from '../../support/environment-references.ts'
import { compileExpression, expressionNeedsBody } from '../../support/expression/expression.ts'
import { hasReference } from '../../support/trusted-references.ts'
import { pluginFailure } from '../../support/validate-plugins.ts'
import { type Lender, LentHost } from './lent-host.ts'
import type { PluginServices } from './plugin-services.ts'
import { type ConfiguredPlugin, NO_PLUGINS, type PluginSet, stopPlugins } from './plugin-set.ts'
import type { UpstreamSource } from './plugin-upstreams.ts'

type Config = Record<string, unknown>

interface Meta {
  disable?: boolean
  priority?: number
  filter?: unknown[]
  error_response?: unknown
}

/** The object whose plugins are configured. */
export interface PluginOwner {
  readonly kind: ResourceKind
  readonly id: string
}

/** What a plugin's host offers beyond what is the same for all. */
export interface HostServices {
  metadata(plugin: Plugin): Readonly<Config>
  consumers(plugin: string): PluginHost['consumers']
  readonly upstreams: UpstreamSource
}

/** An instance, and how it ends: it may be one object for several owners. */
type Created = Pick<ConfiguredPlugin, 'instance' | 'stop'>

const NOTHING_CREATED: Created = { instance: {}, stop() {} }

/** Turns the `plugins` of an object into instances. */
export class PluginConfigurator {
  readonly #services: PluginServices
  readonly #lender: Lender
  /** By plugin: all its instances look into one. */
  readonly #directories = new Map<string, PluginHost['consumers']>()
  readonly #reportedOff = new Set<string>()

  constructor(services: PluginServices, host: HostServices) {
    this.#services = services
    this.#lender = {
      services,
      host,
      consumers: (plugin) => this.#consumersFor(plugin, host),
      configure: (owner, nested) => this.#createNested(owner, nested),
    }
  }

  /** The plugin of that name; undefined when the settings turned it off. @throws ConfigError for an unknown one. */
  find(name: string): Plugin | undefined {
    const { registry, log } = this.#services
    if (!registry.isEnabled(name)) {
      if (!this.#reportedOff.has(name)) {
        this.#reportedOff.add(name)
        log.warn({ plugin: name }, 'plugin is turned off, it runs nowhere')
      }
      return undefined
    }
    const plugin = registry.find(name)
    if (plugin !== undefined) return plugin
    throw new ConfigError('GW_CONFIG_INVALID', `unknown plugin [${name}]`)
  }

  /**
   * A consumer's configuration of an authentication plugin, as the plugin reads it.
   * @throws ConfigError when a reference leads nowhere: clients could take its text for the secret.
   */
  consumerConfig(plugin: Plugin, config: Config, isUnseen = false): Config {
    const resolved = resolveEnvironment(config, this.#services.environment)
    const { _meta, ...own } = resolved
    const complete = applyDefaults(plugin.consumerSchema ?? plugin.schema, own)
    refuseReferences(plugin, own)
    // What stands for references is seen here first.
    if (resolved !== config || isUnseen) plugin.checkConsumer?.(complete)
    return complete
  }

  /**
   * Instances for all plugins of `body` that `takes` wants; those of `previous` whose configuration
   * is the same go on. End the rest of `previous` with `stopPlugins` once the set is in place.
   * @throws ConfigError naming the plugin; nothing is left running then.
   */
  configure(
    owner: PluginOwner,
    body: ResourceBody,
    previous: PluginSet = NO_PLUGINS,
    takes: (plugin: Plugin) => boolean = () => true,
  ): PluginSet {
    const plugins = Object.entries((body['plugins'] ?? {}) as Record<string, Config>)
    if (plugins.length === 0) return NO_PLUGINS
    const set = new Map<string, ConfiguredPlugin>()
    try {
      for (const [name, config] of plugins) {
        const plugin = this.find(name)
        if (plugin === undefined || !takes(plugin)) continue
        set.set(name, this.#configure(owner, plugin, config, previous.get(name)))
      }
    } catch (error) {
      stopPlugins(set, previous)
      throw error
    }
    return set.size === 0 ? NO_PLUGINS : set
  }

  #configure(
    owner: PluginOwner,
    plugin: Plugin,
    stored: Config,
    previous: ConfiguredPlugin | undefined,
  ): ConfiguredPlugin {
    const config = resolveEnvironment(stored, this.#services.environment)
    const fingerprint = JSON.stringify(config)
    if (previous?.fingerprint === fingerprint && previous.plugin === plugin) return previous
    refuseReferences(plugin, config)
    const { _meta, ...own } = config
    const meta = (_meta ?? {}) as Meta
    const created = meta.disable === true ? NOTHING_CREATED : this.#create(owner, plugin, own)
    return {
      plugin,
      ...created,
      priority: meta.priority ?? plugin.priority,
      disabled: meta.disable === true,
      accepts: meta.filter === undefined ? undefined : compileExpression(meta.filter),
      needsBody: created.instance.readsBody === true || expressionNeedsBody(meta.filter),
      errorResponse: meta.error_response,
      fingerprint,
    }
  }

  #consumersFor(plugin: string, host: HostServices): PluginHost['consumers'] {
    const known = this.#directories.get(plugin)
    if (known !== undefined) return known
    const directory = host.consumers(plugin)
    this.#directories.set(plugin, directory)
    return directory
  }

  #createNested(owner: PluginOwner, { name, type, config }: NestedPlugin) {
    const plugin = this.find(name)
    if (plugin === undefined) return undefined
    if (type === undefined || plugin.type === type) return this.#create(owner, plugin, config)
    throw new ConfigError('GW_CONFIG_INVALID', `${name} plugin is not supported`)
  }

  #create(owner: PluginOwner, plugin: Plugin, own: Config): Created {
    const host = new LentHost(this.#lender, owner, plugin)
    try {
      const instance = plugin.create(applyDefaults(plugin.schema, own) as never, host)
      mustBeInstance(instance)
      const stop = () => {
        try {
          instance.stop?.()
        } catch (err) {
          // Nobody could do better; the configuration that takes its place must not fail with it.
          host.log.error({ err }, 'plugin failed to stop')
        }
        host.release()
      }
      return { instance, stop }
    } catch (error) {
      host.release()
      const reason = error instanceof Error ? error.message : String(error)
      const code = error instanceof GatewayError ? error.code : 'GW_CONFIG_INVALID'
      throw new ConfigError(code, pluginFailure(plugin.name, reason), { cause: error })
    }
  }
}

/** @throws ConfigError when a reference leads nowhere: its text must never pass for the secret. */
function refuseReferences(plugin: Plugin, config: Config): void {
  if (!hasReference(config)) return
  const message = `plugin [${plugin.name}] has a reference to a secret that nothing here resolves`
  throw new ConfigError('GW_CONFIG_REFERENCE', message)
}

/** A plugin written in JavaScript may return anything; a promise would look like one without phases. */
function mustBeInstance(instance: unknown): asserts instance is PluginInstance {
  if (instance instanceof Promise) instance.catch(() => {})
  else if (typeof instance === 'object' && instance !== null) return
  throw new ConfigError('GW_CONFIG_INVALID', 'create must return an object, and at once')
}
