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
  /** What the source says; undefined: that it is gone. */
  body: ResourceBody | undefined
  /**
   * What is served instead: the last good version, if there ever was one. Its secrets are kept too:
   * the key that they were encrypted with may be what is missing now.
   */
  lastGood: Served | undefined
  /** It is valid, but workers died of this revision of it: see `refuse`. */
  deadlyRevision?: number
}

/** How the served objects that a revision changed were before; undefined: not there. */
interface Before {
  revision: number
  objects: { kind: ResourceKind; id: string; body: ResourceBody | undefined }[]
}

/** Revisions that can be taken back. */
const MAX_BEFORE = 200

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
  #before: Before[] = []

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
    if (previous !== undefined) await config.#succeed(previous)
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
      if (body !== undefined) served.remove(kind, id, body)
      if (lastGood !== undefined) served.add(kind, id, lastGood.body)
    }
    return { epoch, revision, digest: served.toString() }
  }

  get quarantined(): Quarantined[] {
    return [...this.#refused.values()].map(({ kind, id, reason }) => ({ kind, id, reason }))
  }

  /** Revisions taken back with `refuse`, as far as no later one has changed all of their objects. */
  get refusedRevisions(): Set<number> {
    const revisions = [...this.#refused.values()].map(({ deadlyRevision }) => deadlyRevision)
    return new Set(revisions.filter((revision) => revision !== undefined))
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
    const gone = [...this.#refused.values()].filter(
      (entry) => entry.kind === kind && entry.body === undefined,
    )
    return [
      ...all.map((body) => this.get(kind, resourceId(kind, body))),
      ...gone.map(lastGoodBody),
    ].filter((body) => body !== undefined)
  }

  /**
   * Takes back what a revision has changed: its objects are served as they were before it, until a
   * later revision changes them again. Returns how many; 0 when nothing of it is left. The workers
   * need a snapshot then.
   */
  refuse(revision: number, reason: string): number {
    const index = this.#before.findIndex((entry) => entry.revision === revision)
    const entry = this.#before[index]
    if (entry === undefined) return 0
    this.#before.splice(index, 1)
    const later = new Set(this.#before.slice(index).flatMap(({ objects }) => objects.map(keyOf)))
    const objects = entry.objects.filter((object) => !later.has(keyOf(object)))
    for (const { kind, id, body } of objects) {
      const lastGood = body && this.#withSecrets(kind, id, body)
      const refused = { kind, id, reason, body: this.#source.get(kind, id), lastGood }
      this.#refused.set(`${kind}/${id}`, { ...refused, deadlyRevision: revision })
    }
    return objects.length
  }

  /**
   * Applies the source's next revision and returns what changes for the workers.
   * @throws ProtocolError when the delta does not fit (see ConfigState): load a snapshot then.
   */
  apply({ to, changes }: Delta): Delta {
    const served = changes.map((change) => {
      const { kind, id } = change
      const before = this.get(kind, id)
      return { change, before, lastGood: () => before && this.#withSecrets(kind, id, before) }
    })
    this.#source.apply({ to, changes })
    this.#remember(
      to.revision,
      served.map(({ change: { kind, id }, before }) => ({ kind, id, body: before })),
    )
    const accepted: Change[] = []
    for (const { change, lastGood } of served) {
      if (change.op === 'delete') this.#refused.delete(`${change.kind}/${change.id}`)
      else if (!this.#check(change.kind, change.id, change.body, lastGood)) continue
      accepted.push(change)
    }
    return { to: this.mark, changes: accepted }
  }

  /**
   * After a new snapshot: what workers died of is still refused where the source has not changed it,
   * and what the snapshot changes can be taken back like a revision's changes.
   */
  async #succeed(previous: ServingConfig): Promise<void> {
    for (const [key, refused] of previous.#refused) {
      const { kind, id, body } = refused
      if (refused.deadlyRevision === undefined) continue
      if (isSame(this.#source.get(kind, id), body)) this.#refused.set(key, refused)
    }
    const objects: Before['objects'] = []
    const slice = new TimeSlice()
    for (const kind of LOAD_ORDER) {
      const bodies = [...previous.bodies(kind), ...this.bodies(kind)]
      for (const id of new Set(bodies.map((body) => resourceId(kind, body)))) {
        const body = previous.get(kind, id)
        if (!isSame(body, this.get(kind, id))) objects.push({ kind, id, body })
        if (slice.due) await slice.pause()
      }
    }
    this.#remember(this.#source.mark.revision, objects)
  }

  #remember(revision: number, objects: Before['objects']): void {
    this.#before.push({ revision, objects })
    if (this.#before.length > MAX_BEFORE) this.#before.shift()
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

function keyOf({ kind, id }: { kind: ResourceKind; id: string }): string {
  return `${kind}/${id}`
}

function lastGoodBody({ lastGood }: Refused): ResourceBody | undefined {
  return lastGood?.body
}

function isSame(a: ResourceBody | undefined, b: ResourceBody | undefined): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}
