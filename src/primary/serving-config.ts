import type { ConfigState } from '../model/config-state.ts'
import { ContentDigest } from '../model/digest.ts'
import type { Quarantined } from '../model/ipc.ts'
import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import type { Change, Delta, RevisionMark } from '../model/revision.ts'
import { LOAD_ORDER, resourceId } from '../model/snapshot.ts'
import { servedResources } from '../support/served-resources.ts'
import { TimeSlice } from '../support/time-slice.ts'

interface Refused extends Quarantined {
  /** What the source says. */
  body: ResourceBody
  /** What is served instead: the last good version, if there ever was one. */
  lastGood: ResourceBody | undefined
}

/**
 * What the workers get: the source's configuration, in which every object that breaks its schema
 * is replaced by its last good version or left out. With nothing quarantined both are the same,
 * digest included.
 */
export class ServingConfig {
  readonly #source: ConfigState
  readonly #refused = new Map<string, Refused>()

  private constructor(source: ConfigState) {
    this.#source = source
  }

  /** Validates everything, in slices. Last good versions of refused objects come from `previous`. */
  static async build(source: ConfigState, previous?: ServingConfig): Promise<ServingConfig> {
    const config = new ServingConfig(source)
    const slice = new TimeSlice()
    for (const kind of LOAD_ORDER) {
      for (const [id, body] of source.collection(kind)) {
        config.#check(kind, id, body, previous?.get(kind, id))
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
      if (lastGood !== undefined) served.add(kind, id, lastGood)
    }
    return { epoch, revision, digest: served.toString() }
  }

  get quarantined(): Quarantined[] {
    return [...this.#refused.values()].map(({ kind, id, reason }) => ({ kind, id, reason }))
  }

  /** The served version of an object. */
  get(kind: ResourceKind, id: string): ResourceBody | undefined {
    const refused = this.#refused.get(`${kind}/${id}`)
    return refused === undefined ? this.#source.get(kind, id) : refused.lastGood
  }

  /** The served objects of a kind, as they are now. */
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
    const served = changes.map((change) => ({
      change,
      lastGood: this.get(change.kind, change.id),
    }))
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
  #check(kind: ResourceKind, id: string, body: ResourceBody, lastGood?: ResourceBody): boolean {
    const key = `${kind}/${id}`
    const decoded = servedResources.decode(kind, body)
    if (decoded.ok) this.#refused.delete(key)
    else this.#refused.set(key, { kind, id, reason: decoded.reason, body, lastGood })
    return decoded.ok
  }
}
