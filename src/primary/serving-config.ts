import type { ConfigState } from '../model/config-state.ts'
import { ContentDigest } from '../model/digest.ts'
import type { Quarantined } from '../model/ipc.ts'
import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import type { Change, Delta, RevisionMark } from '../model/revision.ts'
import { type SecretsByObject, type SecretValue, secretsKey } from '../model/secret-value.ts'
import { LOAD_ORDER, resourceId } from '../model/snapshot.ts'
import { servedResources } from '../plugins/served-resources.ts'
import { equalJson } from '../support/equal-json.ts'
import { PLAIN_SECRETS, type ResourceSecrets } from '../support/resource-secrets.ts'
import { TimeSlice } from '../support/time-slice.ts'
import { VERSION } from '../support/version.ts'
import { differences, isSame, type ObjectBefore, RevisionHistory } from './revision-history.ts'
import { ReferenceIndex } from './secrets/reference-index.ts'

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
  /** It is valid, but workers died of it: see `refuse`. */
  deadly?: { revision: number; at: string }
}

/** A revision that was taken back, because workers died of it. */
export interface RefusedRevision {
  revision: number
  reason: string
  /** When, ISO 8601. */
  at: string
}

/** An object that was taken back with its revision. */
export interface DeadlyObject extends Quarantined {
  revision: number
  at: string
  /** Digest of the body that is refused; that of nothing: that it is gone is what is refused. */
  digest: string
  /** The version of Holdfast that could not live with it. */
  version: string
}

/** What a backup says of the objects that were not served as written. */
export interface QuarantineRecord {
  /** Their last good versions. */
  lastGood: ServingConfig | undefined
  /** Refused as long as they are what they were; another version of Holdfast tries them once more. */
  deadly: readonly DeadlyObject[]
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
  readonly #history = new RevisionHistory()
  readonly #references = new ReferenceIndex()
  /** Objects with references to managers' secrets, with the values that they were accepted with. */
  readonly #managed = new Map<string, Served>()

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
    await config.#checkAll(previous)
    if (previous !== undefined) await config.#succeed(previous)
    return config
  }

  /** Validates everything, in slices, with what a backup knows of it instead of a configuration before. */
  static async restore(
    source: ConfigState,
    { lastGood, deadly }: QuarantineRecord,
    secrets: ResourceSecrets = PLAIN_SECRETS,
  ): Promise<ServingConfig> {
    const config = new ServingConfig(source, secrets)
    await config.#checkAll(lastGood)
    const before: ObjectBefore[] = []
    for (const { kind, id, reason, revision, at, digest, version } of deadly) {
      const body = source.get(kind, id)
      if (digestOf(kind, id, body) !== digest) continue
      const good = lastGood?.served(kind, id)
      const refused = { kind, id, reason, body, lastGood: good, deadly: { revision, at } }
      if (version === VERSION) config.#refused.set(`${kind}/${id}`, refused)
      else before.push({ kind, id, body: good?.body })
    }
    if (before.length > 0) config.#history.add(source.mark.revision, before)
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
    return [...this.#refused.values()].map(quarantinedOf)
  }

  /** The secrets of managers that objects refer to. */
  get references(): Pick<ReferenceIndex, 'references' | 'version'> {
    return this.#references
  }

  /** Revisions taken back with `refuse`, as far as no later one has changed all of their objects. */
  get refusedRevisions(): RefusedRevision[] {
    const revisions = new Map<number, RefusedRevision>()
    for (const { reason, deadly } of this.#refused.values()) {
      if (deadly !== undefined) revisions.set(deadly.revision, { ...deadly, reason })
    }
    return [...revisions.values()].sort((a, b) => a.revision - b.revision)
  }

  /** The objects of these revisions. */
  get deadly(): DeadlyObject[] {
    const found: DeadlyObject[] = []
    for (const { kind, id, reason, body, deadly } of this.#refused.values()) {
      if (deadly === undefined) continue
      const digest = digestOf(kind, id, body)
      found.push({ kind, id, reason, ...deadly, digest, version: VERSION })
    }
    return found
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
    const deadly = { revision, at: new Date().toISOString() }
    const objects = this.#history.take(revision)
    for (const { kind, id, body } of objects) {
      const lastGood = body && this.#withSecrets(kind, id, body)
      const refused = { kind, id, reason, body: this.#source.get(kind, id), lastGood }
      this.#refused.set(`${kind}/${id}`, { ...refused, deadly })
    }
    return objects.length
  }

  /** Says what was before the first revision, so that `refuse` can take that one back too. */
  precede(revision: number, objects: readonly ObjectBefore[]): void {
    this.#history.addOldest(revision, objects)
  }

  /** Serves the objects of a revision again that `refuse` has taken back. */
  pardon(revision: number): void {
    for (const [key, { deadly }] of this.#refused) {
      if (deadly?.revision === revision) this.#refused.delete(key)
    }
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
    this.#history.add(
      to.revision,
      served.map(({ change: { kind, id }, before }) => ({ kind, id, body: before })),
    )
    const accepted: Change[] = []
    for (const { change, lastGood } of served) {
      if (change.op === 'delete') this.#forget(`${change.kind}/${change.id}`)
      else if (!this.#check(change.kind, change.id, change.body, lastGood)) continue
      accepted.push(change)
    }
    return { to: this.mark, changes: accepted }
  }

  /**
   * These references stand for something else now: checks the objects that have them again. Returns
   * what that changes for the workers, within the revision; undefined = nothing.
   */
  renew(references: Iterable<string>): Delta | undefined {
    const changes: Change[] = []
    for (const key of this.#references.usersOf(references)) {
      const [kind, id] = splitKey(key)
      const body = this.#source.get(kind, id)
      if (body === undefined || this.#refused.get(key)?.deadly !== undefined) continue
      const before = this.served(kind, id)
      if (!this.#check(kind, id, body, () => before)) continue
      const isSameAsBefore =
        before?.body === body && equalJson(before.secrets, this.#secretsOf(kind, id, body))
      if (!isSameAsBefore) changes.push({ op: 'put', kind, id, body })
    }
    return changes.length === 0 ? undefined : { to: this.mark, changes, amends: true }
  }

  /**
   * After a new snapshot: what workers died of is still refused where the source has not changed it,
   * and what the snapshot changes can be taken back like a revision's changes.
   */
  async #succeed(previous: ServingConfig): Promise<void> {
    for (const [key, refused] of previous.#refused) {
      const { kind, id, body } = refused
      if (refused.deadly === undefined) continue
      if (isSame(this.#source.get(kind, id), body)) this.#refused.set(key, refused)
    }
    this.#history.add(this.#source.mark.revision, await differences(previous, this))
  }

  /** Last good versions of refused objects come from `previous`. */
  async #checkAll(previous: ServingConfig | undefined): Promise<void> {
    const slice = new TimeSlice()
    // Making the validator of routes takes 100 ms: not when the first change waits for it.
    if (this.#source.collection('routes').size === 0) servedResources.decode('routes', {})
    for (const kind of LOAD_ORDER) {
      for (const [id, body] of this.#source.collection(kind)) {
        this.#check(kind, id, body, () => previous?.served(kind, id))
        if (slice.due) await slice.pause()
      }
    }
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
    this.#references.set(key, opened.references)
    if (decoded.ok) this.#refused.delete(key)
    else this.#refused.set(key, { kind, id, reason: decoded.reason, body, lastGood: lastGood() })
    if (opened.ok && decoded.ok && opened.references !== undefined) {
      this.#managed.set(key, { body, secrets: opened.secrets })
    } else this.#managed.delete(key)
    return decoded.ok
  }

  #forget(key: string): void {
    this.#refused.delete(key)
    this.#references.set(key)
    this.#managed.delete(key)
  }

  #withSecrets(kind: ResourceKind, id: string, body: ResourceBody): Served {
    return { body, secrets: this.#secretsOf(kind, id, body) }
  }

  #secretsOf(kind: ResourceKind, id: string, body: ResourceBody): readonly SecretValue[] {
    const key = `${kind}/${id}`
    const lastGood = this.#refused.get(key)?.lastGood
    if (lastGood?.body === body) return lastGood.secrets
    const managed = this.#managed.get(key)
    if (managed?.body === body) return managed.secrets
    const opened = this.#secrets.open(kind, body)
    return opened.ok ? opened.secrets : []
  }
}

function splitKey(key: string): [ResourceKind, string] {
  const slash = key.indexOf('/')
  return [key.slice(0, slash) as ResourceKind, key.slice(slash + 1)]
}

function quarantinedOf({ kind, id, reason, body, lastGood }: Refused): Quarantined {
  const unguarded = kind === 'global_rules' && body !== undefined && lastGood === undefined
  return { kind, id, reason, ...(unguarded && { unguarded }) }
}

function lastGoodBody({ lastGood }: Refused): ResourceBody | undefined {
  return lastGood?.body
}

function digestOf(kind: ResourceKind, id: string, body: ResourceBody | undefined): string {
  const digest = new ContentDigest()
  if (body !== undefined) digest.add(kind, id, body)
  return digest.toString()
}
