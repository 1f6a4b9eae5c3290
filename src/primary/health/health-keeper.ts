import type { Logger } from 'pino'
import { type HealthFile, type SavedHealth, type SavedNode, savedKey } from './saved-health.ts'
import type { WatchedNode } from './watched-node.ts'

/** Several changes make one write. */
const WRITE_DELAY_MS = 300
/** The file says that it was true so lately, however long nothing changes. */
const REFRESH_MS = 60_000
/** What no node of the configuration has asked for by then is forgotten: names are resolved by then too. */
const CLAIM_MS = 60_000

/** Keeps what is known of nodes that are not healthy on disk, and gives it back after a restart. */
export class HealthKeeper {
  readonly #file: HealthFile
  readonly #log: Logger
  #saved: SavedHealth = new Map()
  #nodes: () => Iterable<WatchedNode> = () => []
  #timer: NodeJS.Timeout | undefined
  #refresh: NodeJS.Timeout | undefined
  #claim: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  #failing = false
  /** True when there may be something in the file. */
  #dirty = false

  constructor(file: HealthFile, log: Logger) {
    this.#file = file
    this.#log = log
  }

  /** What was known before the start and belongs to no node of the configuration yet. */
  get saved(): ReadonlyMap<string, SavedNode> {
    return this.#saved
  }

  /** True while the file can't be written. */
  get failing(): boolean {
    return this.#failing
  }

  /** Reads what was kept at most `maxAgeMs` ago. */
  async load(maxAgeMs: number): Promise<void> {
    this.#saved = await this.#file.load(maxAgeMs)
    const nodes = this.#saved.size
    if (nodes > 0) this.#log.info({ nodes }, 'health of nodes taken over from before the start')
    this.#dirty = true
    this.#claim = setTimeout(() => this.#saved.clear(), CLAIM_MS).unref()
    this.#refresh = setInterval(() => this.#dirty && this.schedule(), REFRESH_MS).unref()
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
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#write()
    }, WRITE_DELAY_MS).unref()
  }

  /** Writes what is known last. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    clearTimeout(this.#claim)
    clearInterval(this.#refresh)
    if (this.#dirty || this.#timer !== undefined) this.#write()
    await this.#writing
  }

  #write(): void {
    this.#writing = this.#writing.then(async () => {
      const nodes: SavedHealth = new Map(this.#saved)
      for (const node of this.#nodes()) {
        const { saved } = node
        if (saved !== undefined) nodes.set(savedKey(node.group.owner, node.key), saved)
      }
      try {
        await this.#file.save(nodes)
        this.#dirty = nodes.size > 0
        if (this.#failing) this.#log.info('health of nodes is kept again')
        this.#failing = false
      } catch (err) {
        if (!this.#failing) this.#log.warn({ err }, 'health of nodes can not be kept')
        this.#failing = true
      }
    })
  }
}
