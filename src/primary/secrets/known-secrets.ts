import { parseManagedReference, type SecretAddress } from '../../model/secret-reference.ts'

/** What nothing refers to any longer may be wanted again: revisions are taken back. */
const KEEP_UNWANTED_MS = 3_600_000

/** What is known of one reference. */
export interface KnownSecret {
  readonly reference: string
  readonly address: SecretAddress
  /** The last value that the manager gave. */
  value?: string
  /** The value is of before the start: nothing has been read yet. */
  isRemembered?: boolean
  /** Why the last read gave none. */
  reason?: string | undefined
  /** As `performance.now()`; undefined = something refers to it. */
  unwantedSince?: number | undefined
}

/** The secrets that the configuration refers to, by reference and by where they are kept. */
export class KnownSecrets {
  readonly #secrets = new Map<string, KnownSecret>()
  /** Values of before the start. */
  readonly #remembered: ReadonlyMap<string, string>
  /** By manager, then by path. */
  readonly #places = new Map<string, Map<string, Set<KnownSecret>>>()

  constructor(remembered: ReadonlyMap<string, string> = new Map()) {
    this.#remembered = remembered
  }

  get(reference: string): KnownSecret | undefined {
    return this.#secrets.get(reference)
  }

  /** All that something refers to. */
  *wanted(): Generator<KnownSecret> {
    for (const secret of this.#secrets.values()) {
      if (secret.unwantedSince === undefined) yield secret
    }
  }

  /** Managers that are or were referred to. */
  get managers(): Iterable<string> {
    return this.#places.keys()
  }

  /** The fields of one secret of a manager. */
  at(manager: string, path: string): Iterable<KnownSecret> {
    return this.#places.get(manager)?.get(path) ?? []
  }

  /** Says what is referred to now; returns what was not known. References that lead nowhere are left out. */
  want(references: Iterable<string>): KnownSecret[] {
    const now = performance.now()
    for (const secret of this.#secrets.values()) secret.unwantedSince ??= now
    const added: KnownSecret[] = []
    for (const reference of references) {
      const known = this.#secrets.get(reference)
      if (known !== undefined) known.unwantedSince = undefined
      else {
        const secret = this.#add(reference)
        if (secret !== undefined) added.push(secret)
      }
    }
    for (const secret of this.#secrets.values()) {
      const unwantedMs = now - (secret.unwantedSince ?? now)
      const isUseless = secret.unwantedSince !== undefined && secret.value === undefined
      if (isUseless || unwantedMs > KEEP_UNWANTED_MS) this.#remove(secret)
    }
    return added
  }

  /** Where the wanted secrets of a manager are kept. */
  pathsOf(manager: string): Map<string, readonly string[]> {
    const paths = new Map<string, readonly string[]>()
    for (const [path, secrets] of this.#places.get(manager) ?? []) {
      for (const { address, unwantedSince } of secrets) {
        if (unwantedSince === undefined) paths.set(path, address.path)
      }
    }
    return paths
  }

  #add(reference: string): KnownSecret | undefined {
    const address = parseManagedReference(reference)
    if (address === undefined) return undefined
    const value = this.#remembered.get(reference)
    const secret: KnownSecret = {
      ...{ reference, address },
      ...(value !== undefined && { value, isRemembered: true }),
    }
    this.#secrets.set(reference, secret)
    const paths = this.#places.get(address.manager) ?? new Map<string, Set<KnownSecret>>()
    this.#places.set(address.manager, paths)
    const path = pathOf(address)
    const fields = paths.get(path) ?? new Set()
    paths.set(path, fields.add(secret))
    return secret
  }

  #remove(secret: KnownSecret): void {
    const { reference, address } = secret
    this.#secrets.delete(reference)
    const paths = this.#places.get(address.manager)
    const fields = paths?.get(pathOf(address))
    fields?.delete(secret)
    if (fields?.size === 0) paths?.delete(pathOf(address))
  }
}

/** Where a secret is kept with its manager, as text. */
export function pathOf({ path }: SecretAddress): string {
  return path.join('/')
}
