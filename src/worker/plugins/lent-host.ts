import type { NestedPlugin, Plugin, PluginHost, PluginInstance } from '../../plugins/contract.ts'
import type { Logger } from '../../support/logger.ts'
import type { HostServices, PluginOwner } from './plugin-configurator.ts'
import type { PluginServices } from './plugin-services.ts'
import { createPluginUpstreams } from './plugin-upstreams.ts'

/** What the hosts of all instances have in common. */
export interface Lender {
  readonly services: PluginServices
  readonly host: HostServices
  /** The consumers that a plugin may look up, by its name. */
  consumers(plugin: string): PluginHost['consumers']
  configure(
    owner: PluginOwner,
    nested: NestedPlugin,
  ): { instance: PluginInstance; stop(): void } | undefined
}

/**
 * What one instance is lent. Made for every plugin of every route, so that nothing is made before it
 * is asked for: as an object with all of it at hand, a host was 2.5 KB.
 */
export class LentHost implements PluginHost {
  readonly owner: PluginOwner
  readonly #plugin: Plugin
  readonly #lender: Lender
  #log: Logger | undefined
  #upstreams: ReturnType<typeof createPluginUpstreams> | undefined
  #nested: { stop(): void }[] | undefined

  constructor(lender: Lender, owner: PluginOwner, plugin: Plugin) {
    this.owner = owner
    this.#lender = lender
    this.#plugin = plugin
  }

  get log(): Logger {
    const { kind, id } = this.owner
    const { log } = this.#lender.services
    this.#log ??= log.child({ plugin: this.#plugin.name, owner: `${kind}/${id}` })
    return this.#log
  }

  // Methods are values of their own: plugins may take them out of the host.

  get now(): PluginHost['now'] {
    return this.#lender.services.now
  }

  get metadata(): PluginHost['metadata'] {
    return () => this.#lender.host.metadata(this.#plugin)
  }

  get configure(): PluginHost['configure'] {
    return (nested) => {
      const created = this.#lender.configure(this.owner, nested)
      if (created === undefined) return undefined
      this.#nested ??= []
      this.#nested.push(created)
      return created.instance
    }
  }

  get consumers(): PluginHost['consumers'] {
    return this.#lender.consumers(this.#plugin.name)
  }

  get upstreams(): PluginHost['upstreams'] {
    this.#upstreams ??= createPluginUpstreams(this.#lender.host.upstreams)
    return this.#upstreams.directory
  }

  get jobs(): PluginHost['jobs'] {
    return this.#lender.services.jobs
  }

  get quota(): PluginHost['quota'] {
    return this.#lender.services.quota
  }

  get metrics(): PluginHost['metrics'] {
    return this.#lender.services.metrics
  }

  get http(): PluginHost['http'] {
    return this.#lender.services.http
  }

  /** Takes back what was lent. */
  release(): void {
    this.#upstreams?.release()
    for (const { stop } of this.#nested ?? []) stop()
  }
}
