import { join } from 'node:path'
import type { Logger } from 'pino'
import { KeptFile } from '../kept-file.ts'
import {
  encodeSavedHealth,
  loadSavedHealth,
  type SavedHealth,
  type SavedNode,
  savedKey,
} from './saved-health.ts'
import type { WatchedNode } from './watched-node.ts'

/** Several changes make one write. */
const WRITE_DELAY_MS = 300
/** The file says that it was true so lately, however long nothing changes. */
const REFRESH_MS = 60_000
/** What no node of the configuration has asked for by then is forgotten: names are resolved by then too. */
const CLAIM_MS = 60_000

/** Keeps what is known of nodes that are not healthy on disk, and gives it back after a restart. */
export class HealthKeeper {
  readonly #path: string
  readonly #group: string
  readonly #log: Logger
  readonly #file: KeptFile
  #saved: SavedHealth = new Map()
  #nodes: () => Iterable<WatchedNode> = () => []
  #refresh: NodeJS.Timeout | undefined
  #claim: NodeJS.Timeout | undefined
  /** False: the last write said that all nodes are healthy. */
  #hasNodes = true

  constructor(dataDir: string, group: string, log: Logger) {
    this.#path = join(dataDir, 'health.json')
    this.#group = group
    this.#log = log
    this.#file = new KeptFile({
      path: this.#path,
      encode: () => this.#encode(),
      delayMs: WRITE_DELAY_MS,
      log,
      complaint: 'health of nodes can not be kept',
    })
  }

  /** What was known before the start and belongs to no node of the configuration yet. */
  get saved(): ReadonlyMap<string, SavedNode> {
    return this.#saved
  }

  /** Reads what was kept at most `maxAgeMs` ago. */
  async load(maxAgeMs: number): Promise<void> {
    this.#saved = await loadSavedHealth(this.#path, this.#group, maxAgeMs)
    const nodes = this.#saved.size
    if (nodes > 0) this.#log.info({ nodes }, 'health of nodes taken over from before the start')
    this.#claim = setTimeout(() => this.#saved.clear(), CLAIM_MS).unref()
    this.#refresh = setInterval(() => this.#scheduleRefresh(), REFRESH_MS).unref()
  }

  /** Where the nodes are found when they are to be written. */
  follow(nodes: () => Iterable<WatchedNode>): void {
    this.#nodes = nodes
  }

  /** What was known of this node; the next call knows nothing. */
  take(owner: string, node: string): SavedNode | undefined {
    const key = savedKey(owner, node)
    const saved = this.#saved.get(key)
    this.#saved.delete(key)
    return saved
  }

  /** Writes soon. */
  schedule(): void {
    this.#file.schedule()
  }

  /** See KeptFile. */
  leave(): Promise<void> {
    return this.#file.leave()
  }

  /** Writes what is known last. */
  async stop(): Promise<void> {
    clearTimeout(this.#claim)
    clearInterval(this.#refresh)
    this.#scheduleRefresh()
    await this.#file.flush()
  }

  /** What is in the file, or may be, is true up to now. */
  #scheduleRefresh(): void {
    if (this.#hasNodes || this.#file.failing) this.schedule()
  }

  #encode(): string {
    const nodes: SavedHealth = new Map(this.#saved)
    for (const node of this.#nodes()) {
      const { saved } = node
      if (saved !== undefined) nodes.set(savedKey(node.group.owner, node.key), saved)
    }
    this.#hasNodes = nodes.size > 0
    return encodeSavedHealth(this.#group, nodes)
  }
}
