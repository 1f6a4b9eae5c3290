import type { ConfigState } from '../model/config-state.ts'
import { ContentDigest } from '../model/digest.ts'
import type { Quarantined } from '../model/ipc.ts'
import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import type { Change, Delta, RevisionMark } from '../model/revision.ts'
import { type SecretsByObject, type SecretValue, secretsKey } from '../model/secret-value.ts'
import { LOAD_ORDER, resourceId } from '../model/snapshot.ts'
import { PLAIN_SECRETS, type ResourceSecrets } from '../support/resource-secrets.ts'
import { servedResources } from '../support/served-resources.ts'
import { TimeSlice } from '../support/time-slice.ts'

/** An object as it is served: as stored, and what its envelopes hold. */
interface Served {
  body: ResourceBody
  secrets: readonly SecretValue[]
}

interface Refused extends Quarantined {
  /** What the source says. */
  body: ResourceBody
  /**
   * What is served instead: the last good version, if there ever was one. Its secrets are kept too:
   * the key that they were encrypted with may be what is missing now.
   */
  lastGood: Served | undefined
}

/**
 * What the workers get: the source's configuration, in which every object that breaks its schema
 * or can't be decrypted is replaced by its last good version or left out. With nothing quarantined
 * both are the same, digest included: digests are over the objects as stored, encrypted; their
 * secrets travel beside them.
 */
export class ServingConfig {
  readonly #source: ConfigState
  readonly #secrets: ResourceSecrets
  readonly #refused = new Map<string, Refused>()

  private constructor(source: ConfigState, secrets: ResourceSecrets) {
    this.#source = source
    this.#secrets = secrets
  }

  /** Validates everything, in slices. Last good versions of refused objects come from `previous`. */
  static async build(
    source: ConfigState,
    previous?: ServingConfig,
    secrets: ResourceSecrets = PLAIN_SECRETS,
  ): Promise<ServingConfig> {
    const config = new ServingConfig(source, secrets)
    const slice = new TimeSlice()
    for (const kind of LOAD_ORDER) {
      for (const [id, body] of source.collection(kind)) {
        config.#check(kind, id, body, () => previous?.served(kind, id))
        if (slice.due) await slice.pause()
      }
    }
    return config
  }

  /** State of the source: what the control plane says this group's configuration is. */
  get source(): ConfigState {
    return this.#source
  }

  /** Mark of what the workers serve: the source's revision, but the digest of the served objects. */
  get mark(): RevisionMark {
    const { epoch, revision, digest } = this.#source.mark
    const served = new ContentDigest(digest)
    for (const { kind, id, body, lastGood } of this.#refused.values()) {
      served.remove(kind, id, body)
      if (lastGood !== undefined) served.add(kind, id, lastGood.body)
    }
    return { epoch, revision, digest: served.toString() }
  }

  get quarantined(): Quarantined[] {
    return [...this.#refused.values()].map(({ kind, id, reason }) => ({ kind, id, reason }))
  }

  /** The served version of an object, as stored. */
  get(kind: ResourceKind, id: string): ResourceBody | undefined {
    const refused = this.#refused.get(`${kind}/${id}`)
    return refused === undefined ? this.#source.get(kind, id) : refused.lastGood?.body
  }

  /** The served version of an object, and its secrets. */
  served(kind: ResourceKind, id: string): Served | undefined {
    const body = this.get(kind, id)
    return body && this.#withSecrets(kind, id, body)
  }

  /**
   * The secrets of these served objects, in plain text: for workers only. Undefined when there are
   * none, which is the rule.
   */
  secretsOf(kind: ResourceKind, bodies: readonly ResourceBody[]): SecretsByObject | undefined {
    let found: Record<string, readonly SecretValue[]> | undefined
    for (const body of bodies) {
      const id = resourceId(kind, body)
      const secrets = this.#secretsOf(kind, id, body)
      if (secrets.length === 0) continue
      found ??= {}
      found[secretsKey(kind, id)] = secrets
    }
    return found
  }

  /** The secrets of the objects that a delta puts. */
  secretsIn({ changes }: Delta): SecretsByObject | undefined {
    let found: SecretsByObject | undefined
    for (const change of changes) {
      if (change.op === 'delete') continue
      const secrets = this.secretsOf(change.kind, [change.body])
      if (secrets !== undefined) found = { ...found, ...secrets }
    }
    return found
  }

  /** The served objects of a kind, as stored, as they are now. */
  bodies(kind: ResourceKind): ResourceBody[] {
    const all = [...this.#source.collection(kind).values()]
    if (this.#refused.size === 0) return all
    return all
      .map((body) => this.get(kind, resourceId(kind, body)))
      .filter((body) => body !== undefined)
  }

  /**
   * Applies the source's next revision and returns what changes for the workers.
   * @throws ProtocolError when the delta does not fit (see ConfigState): load a snapshot then.
   */
  apply({ to, changes }: Delta): Delta {
    const served = changes.map((change) => {
      const { kind, id } = change
      const before = this.get(kind, id)
      return { change, lastGood: () => before && this.#withSecrets(kind, id, before) }
    })
    this.#source.apply({ to, changes })
    const accepted: Change[] = []
    for (const { change, lastGood } of served) {
      if (change.op === 'delete') this.#refused.delete(`${change.kind}/${change.id}`)
      else if (!this.#check(change.kind, change.id, change.body, lastGood)) continue
      accepted.push(change)
    }
    return { to: this.mark, changes: accepted }
  }

  /** True when the object may be served; otherwise it is quarantined. */
  #check(
    kind: ResourceKind,
    id: string,
    body: ResourceBody,
    lastGood: () => Served | undefined,
  ): boolean {
    const key = `${kind}/${id}`
    const opened = this.#secrets.open(kind, body)
    const decoded = opened.ok ? servedResources.decode(kind, opened.body) : opened
    if (decoded.ok) this.#refused.delete(key)
    else this.#refused.set(key, { kind, id, reason: decoded.reason, body, lastGood: lastGood() })
    return decoded.ok
  }

  #withSecrets(kind: ResourceKind, id: string, body: ResourceBody): Served {
    return { body, secrets: this.#secretsOf(kind, id, body) }
  }

  #secretsOf(kind: ResourceKind, id: string, body: ResourceBody): readonly SecretValue[] {
    const lastGood = this.#refused.get(`${kind}/${id}`)?.lastGood
    if (lastGood?.body === body) return lastGood.secrets
    const opened = this.#secrets.open(kind, body)
    return opened.ok ? opened.secrets : []
  }
}
