import { createHash } from 'node:crypto'
import { consumerOf } from '../model/credential-id.ts'
import { isOfConsumer, type ResourceBody, type ResourceKind } from '../model/resource-kind.ts'
import { isSecretReference } from '../model/secret-reference.ts'
import { resourceId, type Snapshot } from '../model/snapshot.ts'
import type { Plugin } from '../plugins/contract.ts'
import { pluginRegistry } from '../plugins/registry.ts'
import type { ResourceSecrets } from '../support/resource-secrets.ts'
import { TimeSlice } from '../support/time-slice.ts'
import type { FollowerListener } from './config-mirrors.ts'
import type { ConfigView } from './resource-definition.ts'

/** A consumer or credential of a group. */
interface Holder {
  group: string
  kind: ResourceKind
  id: string
}

interface CredentialKey {
  plugin: string
  /** Field of the configuration that holds it. */
  attribute: string
  key: string
}

type Config = Record<string, unknown>

/**
 * Which consumers and credentials have which keys, so that no two get the same: the gateways could
 * not tell them apart. Told of by the mirrors, and by the writes of this process as they are made.
 * What it knows are hints; the write transaction has the last word, so one that is out of date
 * refuses nothing. Keys are kept as digests: secrets stay encrypted.
 */
export class CredentialKeys {
  readonly #secrets: Pick<ResourceSecrets, 'open'>
  readonly #findPlugin: (name: string) => Plugin | undefined
  /** By digest of group, plugin and key. */
  readonly #holders = new Map<string, Set<string>>()
  readonly #digests = new Map<string, readonly string[]>()

  constructor(secrets: Pick<ResourceSecrets, 'open'>, findPlugin = pluginRegistry.find) {
    this.#secrets = secrets
    this.#findPlugin = findPlugin
  }

  /** Says what an object holds now; undefined = it is gone. */
  note({ group, kind, id }: Holder, body: ResourceBody | undefined): void {
    const holder = `${group}/${kind}/${id}`
    for (const digest of this.#digests.get(holder) ?? []) {
      const holders = this.#holders.get(digest)
      holders?.delete(holder)
      if (holders?.size === 0) this.#holders.delete(digest)
    }
    const digests = this.#keysIn(kind, body).map((key) => digestOf(group, key))
    if (digests.length === 0) this.#digests.delete(holder)
    else this.#digests.set(holder, digests)
    for (const digest of digests) {
      const holders = this.#holders.get(digest)
      if (holders === undefined) this.#holders.set(digest, new Set([holder]))
      else holders.add(holder)
    }
  }

  /** Who else has a key of this object, in APISIX's words; notes the object when nobody does. */
  async claim(view: ConfigView, holder: Holder, body: ResourceBody): Promise<string | undefined> {
    if (!isOfConsumer(holder.kind)) return undefined
    for (const key of this.#keysIn(holder.kind, body)) {
      for (const known of this.#holders.get(digestOf(holder.group, key)) ?? []) {
        const other = parseHolder(holder.group, known)
        if (isSelf(holder, other) || !(await this.#has(view, other, key))) continue
        return `duplicate ${key.attribute} of plugin ${key.plugin} found with ${describe(other)}`
      }
    }
    this.note(holder, body)
    return undefined
  }

  async #has(view: ConfigView, { kind, id }: Holder, { plugin, key }: CredentialKey) {
    const stored = await view.get(kind, id)
    const keys = this.#keysIn(kind, stored?.body)
    return keys.some((one) => one.plugin === plugin && one.key === key)
  }

  #keysIn(kind: ResourceKind, body: ResourceBody | undefined): CredentialKey[] {
    const opened = body && this.#secrets.open(kind, body)
    if (!opened?.ok) return []
    const plugins = Object.entries((opened.body['plugins'] ?? {}) as Record<string, Config>)
    return plugins.flatMap(([name, config]) => {
      const found = this.#keyIn(name, config)
      return found === undefined || isSecretReference(found.key) ? [] : [found]
    })
  }

  #keyIn(plugin: string, config: Config): CredentialKey | undefined {
    const { credentialKey } = this.#findPlugin(plugin) ?? {}
    if (credentialKey === undefined) return undefined
    try {
      const key = credentialKey(config)
      const isIt = (field: string) => credentialKey({ [field]: config[field] }) === key
      const attribute = Object.keys(config).find(isIt) ?? 'key'
      return typeof key === 'string' ? { plugin, attribute, key } : undefined
    } catch {
      // A plugin of the operator, and an object that was stored before its schema changed.
      return undefined
    }
  }

  /** The listener, with what it hears of a group noted here too. */
  listenFor(group: string, listener: FollowerListener): FollowerListener {
    return {
      onSnapshot: async (snapshot) => {
        await listener.onSnapshot(snapshot)
        await this.#noteAll(group, snapshot)
      },
      onDelta: (delta) => {
        for (const change of delta.changes) {
          if (!isOfConsumer(change.kind)) continue
          this.note({ group, ...change }, change.op === 'put' ? change.body : undefined)
        }
        return listener.onDelta(delta)
      },
      onState: (state) => listener.onState(state),
    }
  }

  /** In slices: a hundred thousand envelopes take a second to open. */
  async #noteAll(group: string, snapshot: Snapshot): Promise<void> {
    const slice = new TimeSlice()
    for (const kind of ['consumers', 'credentials'] as const) {
      for (const body of snapshot[kind] ?? []) {
        this.note({ group, kind, id: resourceId(kind, body) }, body)
        if (slice.due) await slice.pause()
      }
    }
  }
}

function digestOf(group: string, { plugin, key }: CredentialKey): string {
  return createHash('sha256').update(`${group}\0${plugin}\0${key}`).digest('base64url')
}

function parseHolder(group: string, text: string): Holder {
  const rest = text.slice(group.length + 1)
  const slash = rest.indexOf('/')
  return { group, kind: rest.slice(0, slash) as ResourceKind, id: rest.slice(slash + 1) }
}

/** A consumer does not stand in its own way, nor do its credentials; a credential stands alone. */
function isSelf(holder: Holder, other: Holder): boolean {
  return holder.kind === 'consumers'
    ? holder.id === consumerOf(other.id)
    : holder.kind === other.kind && holder.id === other.id
}

function describe({ kind, id }: Holder): string {
  if (kind === 'consumers') return `consumer: ${id}`
  return `credential: ${id.split('/').at(-1)} of consumer: ${consumerOf(id)}`
}
