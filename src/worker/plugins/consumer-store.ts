import type { ConsumerFacts } from '../../model/request-context.ts'
import type { ResourceBody } from '../../model/resource-kind.ts'
import type { ConsumerEntry } from '../../plugins/contract.ts'
import type { ConsumerPlugins } from './plan-chain.ts'

/** A consumer by one of its credentials, and the plugins that come with it. */
export interface StoredEntry extends ConsumerEntry {
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

interface Consumer {
  readonly facts: ConsumerFacts
  readonly plugins: ConsumerPlugins
  readonly entry: StoredEntry
}

/**
 * Consumers by name and by credential. An object is taken out and put in again as a whole, so a
 * change costs what its own credentials are, however many consumers there are.
 */
export class ConsumerStore {
  readonly #consumers = new Map<string, Consumer>()
  /** By plugin, by key; several consumers with one key are kept in their order: the first has it. */
  readonly #byKey = new Map<string, Map<string, { source: string; entry: StoredEntry }[]>>()
  readonly #keysOf = new Map<string, readonly Credential[]>()

  find(plugin: string, key: string): StoredEntry | undefined {
    return this.#byKey.get(plugin)?.get(key)?.[0]?.entry
  }

  byName(username: string): StoredEntry | undefined {
    return this.#consumers.get(username)?.entry
  }

  putConsumer(
    body: ResourceBody,
    plugins: ConsumerPlugins,
    credentials: readonly Credential[],
  ): void {
    const facts = consumerFacts(body)
    const customId = facts.labels?.['custom_id']
    const entry: StoredEntry = { consumer: facts, config: {}, plugins, customId }
    this.#consumers.set(facts.username, { facts, plugins, entry })
    this.#index(`consumers/${facts.username}`, credentials, facts, plugins)
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
    const facts = { ...consumer.facts, credentialId }
    this.#index(`credentials/${id}`, credentials, facts, consumer.plugins)
    return true
  }

  deleteCredential(id: string): void {
    this.#unindex(`credentials/${id}`)
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
      const entry = { consumer, config, plugins, customId }
      const keys = this.#keysOfPlugin(plugin)
      const known = keys.get(key)
      if (known === undefined) keys.set(key, [{ source, entry }])
      else known.push({ source, entry })
    }
    if (credentials.length > 0) this.#keysOf.set(source, credentials)
  }

  #keysOfPlugin(plugin: string): Map<string, { source: string; entry: StoredEntry }[]> {
    const known = this.#byKey.get(plugin)
    if (known !== undefined) return known
    const keys = new Map<string, { source: string; entry: StoredEntry }[]>()
    this.#byKey.set(plugin, keys)
    return keys
  }

  #unindex(source: string): void {
    for (const { plugin, key } of this.#keysOf.get(source) ?? []) {
      const keys = this.#byKey.get(plugin)
      const left = keys?.get(key)?.filter((one) => one.source !== source) ?? []
      if (left.length === 0) keys?.delete(key)
      else keys?.set(key, left)
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
