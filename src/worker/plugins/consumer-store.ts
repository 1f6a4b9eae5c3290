import type { ConsumerFacts } from '../../model/request-context.ts'
import type { ResourceBody } from '../../model/resource-kind.ts'
import type { ConsumerEntry } from '../../plugins/contract.ts'
import type { ConsumerPlugins } from './plan-chain.ts'

/** A consumer by one of its credentials, and the plugins that come with it. */
export interface StoredEntry extends ConsumerEntry {
  /** The object that it stands in, as `kind/id`. */
  readonly source: string
  readonly plugins: ConsumerPlugins
  /** Value of `X-Consumer-Custom-ID`: the label `custom_id`. */
  readonly customId: string | undefined
}

/** What an object (consumer or credential) says of its consumer for one plugin. */
export interface Credential {
  readonly plugin: string
  readonly key: string
  readonly config: Record<string, unknown>
}

/**
 * Consumers by name and by credential. An object is taken out and put in again as a whole, so a
 * change costs what its own credentials are, however many consumers there are.
 */
export class ConsumerStore {
  readonly #consumers = new Map<string, StoredEntry>()
  /**
   * By plugin, by key. Of several objects with one key the first by name has it: all workers must
   * agree, whenever they started.
   */
  readonly #byKey = new Map<string, Map<string, StoredEntry | readonly StoredEntry[]>>()
  readonly #keysOf = new Map<string, readonly Credential[]>()

  find(plugin: string, key: string): StoredEntry | undefined {
    const found = this.#byKey.get(plugin)?.get(key)
    return isList(found) ? found[0] : found
  }

  byName(username: string): StoredEntry | undefined {
    return this.#consumers.get(username)
  }

  putConsumer(
    body: ResourceBody,
    plugins: ConsumerPlugins,
    credentials: readonly Credential[],
  ): void {
    const facts = consumerFacts(body)
    const customId = facts.labels?.['custom_id']
    const source = `consumers/${facts.username}`
    const entry: StoredEntry = { source, consumer: facts, config: {}, plugins, customId }
    this.#consumers.set(facts.username, entry)
    this.#index(source, credentials, facts, plugins)
  }

  deleteConsumer(username: string): void {
    this.#consumers.delete(username)
    this.#unindex(`consumers/${username}`)
  }

  /** Adds the credentials of a credential object; its consumer must be there. Returns false if not. */
  putCredential(
    id: string,
    username: string,
    credentialId: string,
    credentials: readonly Credential[],
  ): boolean {
    const consumer = this.#consumers.get(username)
    if (consumer === undefined) return false
    const facts = { ...consumer.consumer, credentialId }
    this.#index(`credentials/${id}`, credentials, facts, consumer.plugins)
    return true
  }

  deleteCredential(id: string): void {
    this.revokeKeys(`credentials/${id}`)
  }

  /** Takes back the keys that an object (`kind/id`) gave; a consumer itself stays. */
  revokeKeys(source: string): void {
    this.#unindex(source)
  }

  #index(
    source: string,
    credentials: readonly Credential[],
    consumer: ConsumerFacts,
    plugins: ConsumerPlugins,
  ): void {
    this.#unindex(source)
    const customId = consumer.labels?.['custom_id']
    for (const { plugin, key, config } of credentials) {
      const entry: StoredEntry = { source, consumer, config, plugins, customId }
      const keys = this.#keysOfPlugin(plugin)
      const known = listOf(keys.get(key))
      keys.set(key, known.length === 0 ? entry : [...known, entry].sort(bySource))
    }
    if (credentials.length > 0) this.#keysOf.set(source, credentials)
  }

  #keysOfPlugin(plugin: string): Map<string, StoredEntry | readonly StoredEntry[]> {
    const known = this.#byKey.get(plugin)
    if (known !== undefined) return known
    const keys = new Map<string, StoredEntry | readonly StoredEntry[]>()
    this.#byKey.set(plugin, keys)
    return keys
  }

  #unindex(source: string): void {
    for (const { plugin, key } of this.#keysOf.get(source) ?? []) {
      const keys = this.#byKey.get(plugin)
      const [first, ...others] = listOf(keys?.get(key)).filter((one) => one.source !== source)
      if (first === undefined) keys?.delete(key)
      else keys?.set(key, others.length === 0 ? first : [first, ...others])
    }
    this.#keysOf.delete(source)
  }
}

function consumerFacts(body: ResourceBody): ConsumerFacts {
  return {
    username: String(body['username']),
    groupId: body['group_id'] === undefined ? undefined : String(body['group_id']),
    labels: body['labels'] as Record<string, string> | undefined,
    credentialId: undefined,
  }
}

function isList(
  found: StoredEntry | readonly StoredEntry[] | undefined,
): found is readonly StoredEntry[] {
  return Array.isArray(found)
}

/** Nearly every key has one owner, who needs no list: 100 000 of them are 6 MB. */
function listOf(found: StoredEntry | readonly StoredEntry[] | undefined): readonly StoredEntry[] {
  if (found === undefined) return []
  return isList(found) ? found : [found]
}

function bySource(a: StoredEntry, b: StoredEntry): number {
  return a.source < b.source ? -1 : 1
}
