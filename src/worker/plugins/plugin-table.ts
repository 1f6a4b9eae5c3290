import { ConfigError } from '../../model/errors.ts'
import type { ResourceBody, ResourceKind } from '../../model/resource-kind.ts'
import type { Plugin, PluginHost } from '../../plugins/contract.ts'
import { applyDefaults } from '../../support/apply-defaults.ts'
import { setConsumer } from './attach-consumer.ts'
import { ConsumerStore, type Credential, type StoredEntry } from './consumer-store.ts'
import { ConsumerChains, PlanChain } from './plan-chain.ts'
import { PluginConfigurator, type PluginOwner } from './plugin-configurator.ts'
import type { PluginServices } from './plugin-services.ts'
import { NO_PLUGINS, type PluginCell, stopPlugins } from './plugin-set.ts'
import type { UpstreamSource } from './plugin-upstreams.ts'

type Config = Record<string, unknown>

/** Configured plugins that are not in place yet. */
export interface PreparedPlugins {
  commit(): void
  discard(): void
}

/** What consumers without plugins share. */
const NO_CELL: PluginCell = Object.freeze({ current: NO_PLUGINS })

const NOTHING_PREPARED: PreparedPlugins = { commit() {}, discard() {} }

/**
 * Everything of one configuration that has to do with plugins: the plugins of each owner, the
 * consumers, the metadata. Errors are the caller's to quarantine; what was there before stays then.
 */
export class PluginTable {
  readonly #configurator: PluginConfigurator
  /** Plugins of every owner that has some, or had when somebody began to follow them. */
  readonly #cells = new Map<string, PluginCell>()
  readonly #globals = {
    sets: [] as PluginCell['current'][],
    remembered: new ConsumerChains(),
  }
  readonly #globalCells = new Map<string, PluginCell>()
  readonly #consumers = new ConsumerStore()
  readonly #metadata = new Map<string, Readonly<Config>>()
  /** With defaults; made when a plugin first asks. */
  readonly #completeMetadata = new Map<string, Readonly<Config>>()

  constructor(services: PluginServices, upstreams: UpstreamSource) {
    this.#configurator = new PluginConfigurator(services, {
      metadata: (plugin) => this.#metadataOf(plugin),
      consumers: (plugin) => this.#directory(plugin),
      upstreams,
    })
  }

  /** What runs for requests that no route takes: the global rules. */
  readonly unrouted = new PlanChain(this.#globals, [])

  /** The chain of a route, which follows its owners as they change; lowest precedence first. */
  chainOf(owners: readonly PluginOwner[]): PlanChain {
    if (owners.length === 0) return this.unrouted
    const cells = owners.map(({ kind, id }) => this.#cell(`${kind}/${id}`))
    return new PlanChain(this.#globals, cells)
  }

  /**
   * Configures the plugins of a route, service, plugin_config or consumer_group; nothing changes
   * before `commit`.
   * @throws ConfigError
   */
  prepareOwner(kind: ResourceKind, id: string, body: ResourceBody): PreparedPlugins {
    const key = `${kind}/${id}`
    const known = this.#cells.get(key)
    if (body['plugins'] === undefined && known === undefined) return NOTHING_PREPARED
    const previous = known?.current ?? NO_PLUGINS
    const next = this.#configurator.configure({ kind, id }, body, previous)
    return {
      commit: () => {
        this.#cell(key).current = next
        stopPlugins(previous, next)
      },
      discard: () => stopPlugins(next, previous),
    }
  }

  /** Objects whose plugins are kept. */
  get owners(): number {
    return this.#cells.size + this.#globalCells.size
  }

  /** The owner is gone, and nothing refers to it. Requests under way keep its plugins. */
  deleteOwner(kind: ResourceKind, id: string): void {
    this.#end(this.#cells, `${kind}/${id}`)
  }

  putGlobalRule(id: string, body: ResourceBody): void {
    const cell = this.#globalCells.get(id) ?? { current: NO_PLUGINS }
    const previous = cell.current
    cell.current = this.#configurator.configure({ kind: 'global_rules', id }, body, previous)
    this.#globalCells.set(id, cell)
    this.#collectGlobals()
    stopPlugins(previous, cell.current)
  }

  /** False when requests pass without it. */
  runsGlobalRule(id: string): boolean {
    return this.#globalCells.has(id)
  }

  deleteGlobalRule(id: string): void {
    this.#end(this.#globalCells, id)
    this.#collectGlobals()
  }

  /**
   * A consumer: its authentication plugins say who it is, the others run for its requests.
   * `isUnseen`: its secrets were not known when it was written, and checked.
   */
  putConsumer(id: string, body: ResourceBody, isUnseen = false): void {
    const key = `consumers/${id}`
    const credentials = this.#credentialsOf(key, body, isUnseen)
    const previous = this.#cells.get(key)?.current ?? NO_PLUGINS
    const takes = (plugin: Plugin) => plugin.type !== 'auth'
    const next = this.#configurator.configure({ kind: 'consumers', id }, body, previous, takes)
    // Most of a hundred thousand consumers have no plugins of their own.
    const own = next === NO_PLUGINS && !this.#cells.has(key) ? NO_CELL : this.#cell(key)
    if (own !== NO_CELL) own.current = next
    const group = body['group_id']
    const groupCell = group === undefined ? undefined : this.#cell(`consumer_groups/${group}`)
    this.#consumers.putConsumer(body, { own, group: groupCell }, credentials)
    stopPlugins(previous, next)
  }

  deleteConsumer(id: string): void {
    this.#consumers.deleteConsumer(id)
    this.#end(this.#cells, `consumers/${id}`)
  }

  /** A credential, by its `<username>/credentials/<id>`. @throws ConfigError if its consumer is not there. */
  putCredential(id: string, body: ResourceBody, isUnseen = false): void {
    const [username = '', , credentialId = ''] = id.split('/')
    const credentials = this.#credentialsOf(`credentials/${id}`, body, isUnseen)
    if (!this.#consumers.putCredential(id, username, credentialId, credentials)) {
      const message = `consumer [${username}] of the credential is not there`
      throw new ConfigError('GW_CONFIG_REFERENCE', message)
    }
  }

  deleteCredential(id: string): void {
    this.#consumers.deleteCredential(id)
  }

  putMetadata(name: string, body: ResourceBody): void {
    const { id, create_time, update_time, ...own } = body
    this.#metadata.set(name, own)
    this.#completeMetadata.delete(name)
  }

  deleteMetadata(name: string): void {
    this.#metadata.delete(name)
    this.#completeMetadata.delete(name)
  }

  stop(): void {
    for (const { current } of [...this.#cells.values(), ...this.#globalCells.values()]) {
      stopPlugins(current)
    }
  }

  #cell(key: string): PluginCell {
    const known = this.#cells.get(key)
    if (known !== undefined) return known
    const cell = { current: NO_PLUGINS }
    this.#cells.set(key, cell)
    return cell
  }

  /** Whoever still has the cell goes on with what is in it: never without a plugin that refuses. */
  #end(cells: Map<string, PluginCell>, key: string): void {
    const cell = cells.get(key)
    cells.delete(key)
    if (cell !== undefined) stopPlugins(cell.current)
  }

  #collectGlobals(): void {
    this.#globals.sets = [...this.#globalCells]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { current }]) => current)
  }

  /** If they can't be read, those of the object's last good version count no longer: they were replaced. */
  #credentialsOf(source: string, body: ResourceBody, isUnseen: boolean): Credential[] {
    try {
      return this.#readCredentials(body, isUnseen)
    } catch (error) {
      this.#consumers.revokeKeys(source)
      throw error
    }
  }

  #readCredentials(body: ResourceBody, isUnseen: boolean): Credential[] {
    const credentials: Credential[] = []
    for (const [name, stored] of Object.entries(
      (body['plugins'] ?? {}) as Record<string, Config>,
    )) {
      const plugin = this.#configurator.find(name)
      if (plugin?.type !== 'auth') continue
      const config = this.#configurator.consumerConfig(plugin, stored, isUnseen)
      const key = plugin.credentialKey?.(config)
      if (key !== undefined) credentials.push({ plugin: name, key, config })
    }
    return credentials
  }

  #metadataOf({ name, metadataSchema }: Plugin): Readonly<Config> {
    const known = this.#completeMetadata.get(name)
    if (known !== undefined) return known
    const stored = this.#metadata.get(name) ?? {}
    const complete = metadataSchema === undefined ? stored : applyDefaults(metadataSchema, stored)
    this.#completeMetadata.set(name, complete)
    return complete
  }

  #directory(plugin: string): PluginHost['consumers'] {
    return {
      find: (key) => this.#consumers.find(plugin, key),
      byName: (username) => this.#consumers.byName(username),
      attach: (request, entry) => setConsumer(request, entry as StoredEntry),
    }
  }
}
