import { buildChain, type PluginChain } from './plugin-chain.ts'
import { NO_PLUGINS, type PluginCell, type PluginSet } from './plugin-set.ts'

/** Chains that a configuration keeps for consumers with plugins of their own: about 8 MB. */
const MAX_CONSUMER_CHAINS = 8192

/** The global rules of a configuration; `sets` is replaced when one of them changes. */
export interface GlobalPlugins {
  sets: readonly PluginSet[]
  readonly remembered: ConsumerChains
}

/** What has been merged for consumers, over all routes; the oldest goes first. */
export class ConsumerChains {
  readonly #max: number
  readonly #entries = new Set<{ chains: Map<PluginSet, unknown>; key: PluginSet }>()

  constructor(max = MAX_CONSUMER_CHAINS) {
    this.#max = max
  }

  /** Notes that `chains` has a new `key`, which it may lose later. */
  add(chains: Map<PluginSet, unknown>, key: PluginSet): void {
    if (this.#entries.size >= this.#max) {
      for (const oldest of this.#entries) {
        oldest.chains.delete(oldest.key)
        this.#entries.delete(oldest)
        break
      }
    }
    this.#entries.add({ chains, key })
  }
}

/** What a consumer adds: its own plugins over those of its group. */
export interface ConsumerPlugins {
  readonly own: PluginCell
  readonly group: PluginCell | undefined
}

/**
 * The chain of one route. It is merged when a request first needs it, and again when one of its
 * owners was replaced, which costs a request a comparison per owner: a change of a service that a
 * hundred thousand routes use stays the change of one object.
 */
export class PlanChain {
  readonly #globals: GlobalPlugins
  readonly #cells: readonly PluginCell[]
  #globalSets: readonly PluginSet[] | undefined
  #sets: PluginSet[] = []
  #chain: PluginChain | undefined
  #consumerChains: Map<PluginSet, { group: PluginSet; chain: PluginChain | undefined }> | undefined

  /** @param cells Owners of plugins, lowest precedence first. */
  constructor(globals: GlobalPlugins, cells: readonly PluginCell[]) {
    this.#globals = globals
    this.#cells = cells
  }

  /** Undefined when no plugin is to run. */
  get current(): PluginChain | undefined {
    if (!this.#isFresh()) this.#refresh()
    return this.#chain
  }

  /** The chain with the consumer's plugins in it; the same as `current` if it has none. */
  forConsumer({ own, group }: ConsumerPlugins): PluginChain | undefined {
    const ownSet = own.current
    const groupSet = group?.current ?? NO_PLUGINS
    const current = this.current
    if (ownSet.size + groupSet.size === 0) return current
    const key = ownSet.size === 0 ? groupSet : ownSet
    this.#consumerChains ??= new Map()
    const known = this.#consumerChains.get(key)
    if (known?.group === groupSet) return known.chain
    const chain = buildChain(this.#globals.sets, this.#sets, [groupSet, ownSet])
    // One that is there already, with another group, has its entry.
    if (known === undefined) this.#globals.remembered.add(this.#consumerChains, key)
    this.#consumerChains.set(key, { group: groupSet, chain })
    return chain
  }

  #isFresh(): boolean {
    if (this.#globalSets !== this.#globals.sets) return false
    for (let i = 0; i < this.#cells.length; i++) {
      if (this.#sets[i] !== this.#cells[i]?.current) return false
    }
    return true
  }

  #refresh(): void {
    this.#globalSets = this.#globals.sets
    this.#sets = this.#cells.map(({ current }) => current)
    this.#chain = buildChain(this.#globalSets, this.#sets)
    this.#consumerChains = undefined
  }
}
