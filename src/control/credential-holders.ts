import { hash } from 'node:crypto'
import type { ResourceKind } from '../model/resource-kind.ts'
import type { CredentialKey } from './credential-key.ts'

/** Enough to find one that still has it. */
const MAX_TOLD = 10

/** A consumer or credential of a group. */
export interface Holder {
  group: string
  kind: ResourceKind
  id: string
}

/** Which objects hold which keys. Keys are kept as digests: secrets stay encrypted. */
export class CredentialHolders {
  /** By digest of group, plugin and key. */
  readonly #holders = new Map<string, Set<string>>()
  readonly #digests = new Map<string, readonly string[]>()

  /** Says what an object holds now; nothing = it is gone. */
  set(holder: Holder, keys: readonly CredentialKey[]): void {
    const name = nameOf(holder)
    for (const digest of this.#digests.get(name) ?? []) {
      const holders = this.#holders.get(digest)
      holders?.delete(name)
      if (holders?.size === 0) this.#holders.delete(digest)
    }
    this.#digests.delete(name)
    this.add(holder, keys)
  }

  /** Says what an object may hold besides. */
  add(holder: Holder, keys: readonly CredentialKey[]): void {
    if (keys.length === 0) return
    const name = nameOf(holder)
    const digests = new Set(this.#digests.get(name))
    for (const key of keys) {
      const digest = digestOf(holder.group, key)
      digests.add(digest)
      const holders = this.#holders.get(digest)
      if (holders === undefined) this.#holders.set(digest, new Set([name]))
      else holders.add(name)
    }
    this.#digests.set(name, [...digests])
  }

  /** Who holds a key, in this group; of many, some. */
  of(group: string, key: CredentialKey): Holder[] {
    const found: Holder[] = []
    for (const name of this.#holders.get(digestOf(group, key)) ?? []) {
      if (found.push(parseName(group, name)) === MAX_TOLD) break
    }
    return found
  }
}

function digestOf(group: string, { plugin, key }: CredentialKey): string {
  return hash('sha256', `${group}\0${plugin}\0${key}`, 'base64url')
}

function nameOf({ group, kind, id }: Holder): string {
  return `${group}/${kind}/${id}`
}

function parseName(group: string, name: string): Holder {
  const rest = name.slice(group.length + 1)
  const slash = rest.indexOf('/')
  return { group, kind: rest.slice(0, slash) as ResourceKind, id: rest.slice(slash + 1) }
}
