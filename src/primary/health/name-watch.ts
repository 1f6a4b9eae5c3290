import { lookup } from 'node:dns/promises'

type Resolve = (name: string) => Promise<readonly string[]>

/** Short against how long a changed name should go unchecked; TTLs are the workers' matter. */
const REFRESH_MS = 5_000

/**
 * Keeps the addresses of names current: what the machine's resolver says, /etc/hosts included. While
 * it says nothing, its last answer stands.
 */
export class NameWatch {
  readonly #resolve: Resolve
  readonly #onChange: (name: string) => void
  readonly #names = new Map<string, { addresses: readonly string[]; users: number }>()
  #timer: NodeJS.Timeout | undefined

  constructor(onChange: (name: string) => void, resolve: Resolve = resolveAll) {
    this.#onChange = onChange
    this.#resolve = resolve
  }

  addressesOf(name: string): readonly string[] {
    return this.#names.get(name)?.addresses ?? []
  }

  /** Starts to follow a name; pair with `leave`. */
  join(name: string): void {
    const known = this.#names.get(name)
    if (known !== undefined) {
      known.users++
      return
    }
    this.#names.set(name, { addresses: [], users: 1 })
    void this.#refresh(name)
    this.#timer ??= setInterval(() => void this.#refreshAll(), REFRESH_MS).unref()
  }

  leave(name: string): void {
    const known = this.#names.get(name)
    if (known !== undefined && --known.users === 0) this.#names.delete(name)
    if (this.#names.size === 0) this.stop()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** One after the other: the resolver's threads are few, and others need them too. */
  async #refreshAll(): Promise<void> {
    for (const name of [...this.#names.keys()]) await this.#refresh(name)
  }

  async #refresh(name: string): Promise<void> {
    const addresses = await this.#resolve(name).catch(() => [])
    const known = this.#names.get(name)
    if (known === undefined || addresses.length === 0) return
    const sorted = [...addresses].sort()
    if (sorted.join() === known.addresses.join()) return
    known.addresses = sorted
    this.#onChange(name)
  }
}

async function resolveAll(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address)
}
