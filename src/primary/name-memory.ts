import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { ResolvedName } from '../model/resolved-name.ts'
import { KeptFile } from './kept-file.ts'

/** Several answers make one write. */
const WRITE_DELAY_MS = 1_000
/** The file says that it was true so lately, however long nothing changes. */
const REFRESH_MS = 600_000
/** Older addresses may have become somebody else's. */
const MAX_AGE_MS = 24 * 3_600_000
/** The names not heard of for longest are forgotten beyond. */
const MAX_NAMES = 50_000

interface SavedFile {
  /** Milliseconds since 1970. */
  savedAt: number
  names: ResolvedName[]
}

/**
 * The last good answer about each name that a worker has resolved: new workers begin with them, and
 * so does a new daemon, so that a resolver that is down when they start takes no node away.
 */
export class NameMemory {
  readonly #path: string
  readonly #file: KeptFile
  readonly #names = new Map<string, ResolvedName>()
  #refresh: NodeJS.Timeout | undefined

  constructor(dataDir: string, log: Logger) {
    this.#path = join(dataDir, 'names.json')
    this.#file = new KeptFile({
      path: this.#path,
      encode: () => this.#encode(),
      delayMs: WRITE_DELAY_MS,
      log,
      complaint: 'resolved names can not be kept',
    })
  }

  get names(): ResolvedName[] {
    return [...this.#names.values()]
  }

  /** Reads what was kept before the start; nothing if there is no file that makes sense. */
  async load(): Promise<void> {
    this.#refresh = setInterval(
      () => this.#names.size > 0 && this.#file.schedule(),
      REFRESH_MS,
    ).unref()
    try {
      const { savedAt, names } = JSON.parse(await readFile(this.#path, 'utf8')) as SavedFile
      const ageMs = Date.now() - savedAt
      if (!(ageMs >= 0 && ageMs <= MAX_AGE_MS)) return
      for (const name of names) if (isSane(name)) this.#names.set(name.key, name)
    } catch {
      // Missing, torn or edited: names are resolved anew.
    }
  }

  /** Takes over what a worker has learned. */
  note(names: readonly ResolvedName[]): void {
    for (const name of names) {
      this.#names.delete(name.key)
      this.#names.set(name.key, name)
    }
    for (const key of this.#names.keys()) {
      if (this.#names.size <= MAX_NAMES) break
      this.#names.delete(key)
    }
    this.#file.schedule()
  }

  /** See KeptFile. */
  leave(): Promise<void> {
    return this.#file.leave()
  }

  /** Writes what is known last. */
  async stop(): Promise<void> {
    clearInterval(this.#refresh)
    await this.#file.flush()
  }

  #encode(): string {
    const file: SavedFile = { savedAt: Date.now(), names: this.names }
    return JSON.stringify(file)
  }
}

function isSane({ key, nodes }: ResolvedName): boolean {
  return typeof key === 'string' && nodes.length > 0 && nodes.every(({ host }) => isIP(host) !== 0)
}
