import { ConfigState } from '../model/config-state.ts'
import type { Quarantined } from '../model/ipc.ts'
import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import type { Change, Delta, RevisionMark } from '../model/revision.ts'
import {
  hideSecrets,
  type SecretsByObject,
  type SecretValue,
  secretsKey,
  withSecrets,
} from '../model/secret-value.ts'
import { LOAD_ORDER, resourceId } from '../model/snapshot.ts'

/** An object with what its envelopes hold. */
export interface Version {
  readonly body: ResourceBody
  readonly secrets: readonly SecretValue[] | undefined
}

/**
 * The objects of a revision as their authors want them, and of those that can't be compiled (the
 * quarantined ones) why, and which version serves instead.
 */
export class ConfigObjects {
  readonly #state: ConfigState
  readonly #quarantine = new Map<string, Quarantined>()
  /** Of quarantined objects, what is served instead; by `kind/id`. */
  readonly #lastGood = new Map<string, Version>()
  /** What the envelopes in an object's fields hold, by `kind/id`; few objects have any. */
  readonly #secrets = new Map<string, readonly SecretValue[]>()

  constructor(group: string, at: { epoch: string; revision: number }) {
    this.#state = new ConfigState(group, at)
  }

  get group(): string {
    return this.#state.group
  }

  get mark(): RevisionMark {
    return this.#state.mark
  }

  get quarantined(): Quarantined[] {
    return [...this.#quarantine.values()]
  }

  isQuarantined(kind: ResourceKind, id: string): boolean {
    return this.#quarantine.has(secretsKey(kind, id))
  }

  /** Returns its id. */
  load(kind: ResourceKind, body: ResourceBody, secrets?: readonly SecretValue[]): string {
    this.#state.load(kind, body)
    const id = resourceId(kind, body)
    this.#keepSecrets(kind, id, secrets)
    return id
  }

  /** Takes the next revision; what becomes of the old versions is told by `accept` and `refuse`. */
  apply(delta: Delta, secrets: SecretsByObject): void {
    this.#state.apply(delta)
    for (const { kind, id } of delta.changes) {
      this.#keepSecrets(kind, id, secrets[secretsKey(kind, id)])
    }
  }

  /** All objects as they would be after these changes, in LOAD_ORDER; a copy, safe to pause in. */
  *after(
    changes: readonly Change[],
    secrets: SecretsByObject = {},
  ): Generator<[ResourceKind, ResourceBody, readonly SecretValue[] | undefined]> {
    const changed = new Set(changes.map(({ kind, id }) => `${kind}/${id}`))
    const before = LOAD_ORDER.map((kind) => [...this.#state.collection(kind)])
    for (const [index, kind] of LOAD_ORDER.entries()) {
      for (const [id, body] of before[index] ?? []) {
        const key = secretsKey(kind, id)
        if (!changed.has(key)) yield [kind, body, this.#secrets.get(key)]
      }
      for (const change of changes) {
        if (change.op !== 'put' || change.kind !== kind) continue
        yield [kind, change.body, secrets[secretsKey(kind, change.id)]]
      }
    }
  }

  /** What of an object is served: as it is wanted, its last good version, or nothing. */
  served(kind: ResourceKind, id: string): Version | undefined {
    const key = secretsKey(kind, id)
    if (this.#quarantine.has(key)) return this.#lastGood.get(key)
    return this.wanted(kind, id)
  }

  wanted(kind: ResourceKind, id: string): Version | undefined {
    const body = this.#state.get(kind, id)
    return body && { body, secrets: this.#secrets.get(secretsKey(kind, id)) }
  }

  /** It is served as it is wanted, or it is gone. */
  accept(kind: ResourceKind, id: string): void {
    const key = secretsKey(kind, id)
    this.#quarantine.delete(key)
    this.#lastGood.delete(key)
  }

  refuse({ kind, id, reason, unguarded }: Quarantined): void {
    const key = secretsKey(kind, id)
    const told = hideSecrets(reason, this.#secrets.get(key))
    this.#quarantine.set(key, { kind, id, reason: told, ...(unguarded && { unguarded }) })
  }

  /** Of a quarantined object, this is served. */
  goOnWith(kind: ResourceKind, id: string, served: Version): void {
    const key = secretsKey(kind, id)
    this.#lastGood.set(key, served)
    const refused = this.#quarantine.get(key)
    if (refused !== undefined) this.#quarantine.set(key, { kind, id, reason: refused.reason })
  }

  #keepSecrets(kind: ResourceKind, id: string, secrets: readonly SecretValue[] | undefined): void {
    if (secrets === undefined) this.#secrets.delete(secretsKey(kind, id))
    else this.#secrets.set(secretsKey(kind, id), secrets)
  }
}

/** The object with its secrets in plain text: never stored, never logged. */
export function openVersion({ body, secrets }: Version): ResourceBody {
  return withSecrets(body, secrets)
}

/** Its author has not seen all of it: values of secret managers are in it. */
export function isUnseen({ secrets }: Version): boolean {
  return secrets?.some(({ managed }) => managed) ?? false
}
