import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Keyring } from '../../support/keyring.ts'
import { KeptFile } from '../kept-file.ts'

/** Several values make one write. */
const WRITE_DELAY_MS = 1_000
/** The file says that it was true so lately, however long nothing changes. */
const REFRESH_MS = 600_000
/** Older values may have been taken back. */
const MAX_AGE_MS = 24 * 3_600_000

interface SavedFile {
  /** Milliseconds since 1970. */
  savedAt: number
  /** Envelopes by reference. */
  secrets: Record<string, string>
}

interface MemoryOptions {
  dataDir: string
  group: string
  keyring: Keyring
  log: Logger
  now?: () => number
}

/**
 * The last values of managers' secrets over a restart, each encrypted with the keyring; without one
 * nothing is written. A daemon that starts while the manager is away serves on with them.
 */
export class SecretMemory {
  readonly #options: MemoryOptions
  readonly #path: string
  readonly #isUsed: boolean
  #current: () => Iterable<readonly [reference: string, value: string]> = () => []
  readonly #file: KeptFile
  #refresh: NodeJS.Timeout | undefined

  constructor(options: MemoryOptions) {
    this.#options = options
    this.#path = join(options.dataDir, 'managed-secrets.json')
    this.#isUsed = options.keyring.ids.length > 0
    this.#file = new KeptFile({
      path: this.#path,
      encode: () => this.#encode(),
      delayMs: WRITE_DELAY_MS,
      log: options.log,
      complaint: 'secrets of managers can not be kept',
    })
  }

  /** What was kept before the start, by reference. */
  async load(): Promise<Map<string, string>> {
    const values = new Map<string, string>()
    const { keyring, now = Date.now } = this.#options
    if (!this.#isUsed) return values
    try {
      const { savedAt, secrets } = JSON.parse(await readFile(this.#path, 'utf8')) as SavedFile
      const ageMs = now() - savedAt
      if (!(ageMs >= 0 && ageMs <= MAX_AGE_MS)) return values
      for (const [reference, envelope] of Object.entries(secrets)) {
        const opened = keyring.open(envelope, this.#contextOf(reference))
        if (opened.ok) values.set(reference, opened.value)
      }
    } catch {
      // Missing, torn or edited: secrets are read anew.
    }
    return values
  }

  /** Keeps what this gives, from now on. */
  follow(current: () => Iterable<readonly [reference: string, value: string]>): void {
    this.#current = current
    if (!this.#isUsed) return
    this.#refresh = setInterval(() => this.changed(), REFRESH_MS).unref()
  }

  /** There is something else to keep. */
  changed(): void {
    if (this.#isUsed) this.#file.schedule()
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

  #contextOf(reference: string): string {
    return `managed/${this.#options.group}/${reference}`
  }

  #encode(): string {
    const { keyring, now = Date.now } = this.#options
    const secrets: SavedFile['secrets'] = {}
    for (const [reference, value] of this.#current()) {
      secrets[reference] = keyring.seal(value, this.#contextOf(reference))
    }
    const file: SavedFile = { savedAt: now(), secrets }
    return JSON.stringify(file)
  }
}
