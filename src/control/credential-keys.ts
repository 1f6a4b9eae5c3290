import { consumerOf } from '../model/credential-id.ts'
import { isOfConsumer, type ResourceBody, type ResourceKind } from '../model/resource-kind.ts'
import { resourceId, type Snapshot } from '../model/snapshot.ts'
import type { Plugin } from '../plugins/contract.ts'
import { pluginRegistry } from '../plugins/registry.ts'
import type { ResourceKey } from '../store/config-repository.ts'
import type { ResourceSecrets } from '../support/resource-secrets.ts'
import { TimeSlice } from '../support/time-slice.ts'
import type { FollowerListener } from './config-mirrors.ts'
import { CredentialHolders, type Holder } from './credential-holders.ts'
import { type CredentialKey, credentialKeysIn, describeDuplicate } from './credential-key.ts'
import type { ConfigView } from './resource-definition.ts'

/**
 * Which consumers and credentials have which keys, so that no two get the same: the gateways could
 * not tell them apart. Told of by the mirrors, and by the writes of this process as they are made.
 * What it knows are hints; the write transaction has the last word, so one that is out of date
 * refuses nothing.
 */
export class CredentialKeys {
  readonly #secrets: Pick<ResourceSecrets, 'open'>
  readonly #findPlugin: (name: string) => Plugin | undefined
  readonly #holders = new CredentialHolders()

  constructor(secrets: Pick<ResourceSecrets, 'open'>, findPlugin = pluginRegistry.find) {
    this.#secrets = secrets
    this.#findPlugin = findPlugin
  }

  /** Says what an object holds now; undefined = it is gone. */
  note(holder: Holder, body: ResourceBody | undefined): void {
    this.#holders.set(holder, this.in(holder.kind, body))
  }

  /**
   * Who else has a key of this object, in APISIX's words; notes the object when nobody does. What it
   * had before stays noted: the write may still fail.
   */
  async claim(view: ConfigView, holder: Holder, body: ResourceBody): Promise<string | undefined> {
    if (!isOfConsumer(holder.kind)) return undefined
    const keys = this.in(holder.kind, body)
    for (const key of keys) {
      for (const other of this.suspects(holder.group, key)) {
        if (isSelf(holder, other) || !(await this.has(view, other, key))) continue
        return describeDuplicate(key, other)
      }
    }
    this.#holders.add(holder, keys)
    return undefined
  }

  /** Who had a key when it was last heard of. */
  suspects(group: string, key: CredentialKey): Holder[] {
    return this.#holders.of(group, key)
  }

  /** Whether an object really has a key. */
  async has(view: ConfigView, { kind, id }: ResourceKey, { plugin, key }: CredentialKey) {
    const stored = await view.get(kind, id)
    return this.in(kind, stored?.body).some((one) => one.plugin === plugin && one.key === key)
  }

  /** The keys in an object, be they encrypted or not. */
  in(kind: ResourceKind, body: ResourceBody | undefined): CredentialKey[] {
    const opened = body && this.#secrets.open(kind, body)
    return opened?.ok ? credentialKeysIn(opened.body, this.#findPlugin) : []
  }

  /** The listener, with what it hears of a group noted here too. */
  listenFor(group: string, listener: FollowerListener): FollowerListener {
    return {
      onSnapshot: async (snapshot) => {
        await listener.onSnapshot(snapshot)
        await this.#noteAll(group, snapshot)
      },
      onDelta: async (delta) => {
        await listener.onDelta(delta)
        const slice = new TimeSlice()
        for (const change of delta.changes) {
          if (!isOfConsumer(change.kind)) continue
          this.note({ group, ...change }, change.op === 'put' ? change.body : undefined)
          if (slice.due) await slice.pause()
        }
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

/** A consumer does not stand in its own way, nor do its credentials; a credential stands alone. */
function isSelf(holder: Holder, other: Holder): boolean {
  return holder.kind === 'consumers'
    ? holder.id === consumerOf(other.id)
    : holder.kind === other.kind && holder.id === other.id
}
