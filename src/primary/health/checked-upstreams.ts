import type { ResourceBody, ResourceKind } from '../../model/resource-kind.ts'
import type { Change } from '../../model/revision.ts'
import type { Ssl } from '../../model/schemas/ssl.ts'
import type { Upstream } from '../../model/schemas/upstream.ts'
import { withSecrets } from '../../model/secret-value.ts'
import { resourceId } from '../../model/snapshot.ts'
import { TimeSlice } from '../../support/time-slice.ts'
import type { ServingConfig } from '../serving-config.ts'

/** Kinds that refer to upstreams or hold one. */
const OWNER_KINDS = ['routes', 'services', 'plugin_configs', 'global_rules', 'consumers'] as const

/** Told of every upstream that is to be watched, and of those that no longer are. */
export interface UpstreamEvents {
  onUpstream(owner: string, upstream: Partial<Upstream>): void
  onGone(owner: string): void
}

/**
 * Finds the upstreams that checks are asked for and that a route, a service or a plugin uses. Kept
 * current by what changes; a whole configuration is read in slices.
 */
export class CheckedUpstreams {
  readonly #events: UpstreamEvents
  /** By id of an upstream, how many objects refer to it. */
  readonly #users = new Map<string, number>()
  /** By `kind/id`, the upstreams it refers to, separated by spaces. */
  readonly #references = new Map<string, string>()
  /** What is watched, and the client certificate that it names, if any. */
  readonly #watched = new Map<string, string>()

  constructor(events: UpstreamEvents) {
    this.#events = events
  }

  /** Reads all of a configuration, also what has changed in it meanwhile. */
  async load(config: ServingConfig): Promise<void> {
    const slice = new TimeSlice()
    const present = new Set<string>()
    for (const kind of OWNER_KINDS) {
      for (const body of config.bodies(kind)) {
        const id = resourceId(kind, body)
        present.add(`${kind}/${id}`)
        this.#read(config, kind, id)
        if (slice.due) await slice.pause()
      }
    }
    for (const body of config.bodies('upstreams')) {
      this.#watchUpstream(config, resourceId('upstreams', body))
      if (slice.due) await slice.pause()
    }
    this.#forgetMissing(config, present)
  }

  /** Reads what has changed. */
  apply(config: ServingConfig, changes: readonly Change[]): void {
    for (const { kind, id } of changes) {
      if (kind === 'ssls') this.#renewCertificate(config, id)
      else if (kind === 'upstreams') this.#watchUpstream(config, id)
      else if (isOwnerKind(kind)) this.#read(config, kind, id)
    }
  }

  #forgetMissing(config: ServingConfig, present: ReadonlySet<string>): void {
    for (const key of [...this.#references.keys()]) if (!present.has(key)) this.#refer(key, [])
    for (const owner of [...this.#watched.keys()]) {
      const [kind, id] = splitKey(owner)
      const unused = kind === 'upstreams' && !this.#users.has(id)
      if (unused || config.get(kind, id) === undefined) this.#forget(owner)
    }
  }

  #read(config: ServingConfig, kind: ResourceKind, id: string): void {
    const body = config.get(kind, id)
    // A disabled route does not exist.
    const used = body?.['status'] === 0 && kind === 'routes' ? undefined : body
    const key = `${kind}/${id}`
    for (const upstreamId of this.#refer(key, used === undefined ? [] : referredUpstreams(used))) {
      this.#watchUpstream(config, upstreamId)
    }
    if (kind === 'routes' || kind === 'services') {
      this.#watch(config, key, used?.['upstream'] as Partial<Upstream> | undefined)
    }
  }

  #watchUpstream(config: ServingConfig, id: string): void {
    const body = this.#users.has(id) ? config.get('upstreams', id) : undefined
    this.#watch(config, `upstreams/${id}`, body as Partial<Upstream> | undefined)
  }

  #watch(config: ServingConfig, owner: string, upstream: Partial<Upstream> | undefined): void {
    if (upstream?.checks === undefined && upstream?.holdfast === undefined) {
      this.#forget(owner)
      return
    }
    const certificate = String(upstream.tls?.client_cert_id ?? '')
    this.#watched.set(owner, certificate)
    this.#events.onUpstream(owner, { ...upstream, ...withCertificate(config, owner, upstream) })
  }

  #renewCertificate(config: ServingConfig, id: string): void {
    for (const [owner, certificate] of this.#watched) {
      if (certificate !== id) continue
      const [kind, ownerId] = splitKey(owner)
      if (kind === 'upstreams') this.#watchUpstream(config, ownerId)
      else this.#read(config, kind, ownerId)
    }
  }

  #forget(owner: string): void {
    if (this.#watched.delete(owner)) this.#events.onGone(owner)
  }

  /** Notes what an object refers to; returns the upstreams that got their first or lost their last. */
  #refer(key: string, ids: readonly string[]): string[] {
    const before = this.#references.get(key)?.split(' ') ?? []
    if (ids.length === 0) this.#references.delete(key)
    else this.#references.set(key, ids.join(' '))
    const touched: string[] = []
    for (const id of ids) {
      const users = this.#users.get(id) ?? 0
      this.#users.set(id, users + 1)
      if (users === 0) touched.push(id)
    }
    for (const id of before) {
      const users = (this.#users.get(id) ?? 1) - 1
      if (users > 0) {
        this.#users.set(id, users)
      } else {
        this.#users.delete(id)
        touched.push(id)
      }
    }
    return touched
  }
}

/** The certificate that nodes may ask for, with its key in plain text. */
function withCertificate(
  config: ServingConfig,
  owner: string,
  { tls }: Partial<Upstream>,
): Partial<Upstream> {
  if (tls === undefined) return {}
  if (tls.client_cert_id !== undefined) {
    const ssl = opened(config, 'ssls', String(tls.client_cert_id)) as Partial<Ssl> | undefined
    return { tls: { verify: tls.verify, client_cert: ssl?.cert, client_key: ssl?.key } as never }
  }
  const [kind, id] = splitKey(owner)
  const body = opened(config, kind, id) as { upstream?: Partial<Upstream> } & Partial<Upstream>
  const plain = kind === 'upstreams' ? body : body.upstream
  return plain?.tls === undefined ? {} : { tls: plain.tls }
}

function opened(config: ServingConfig, kind: ResourceKind, id: string): ResourceBody | undefined {
  const served = config.served(kind, id)
  return served && withSecrets(served.body, served.secrets)
}

interface TrafficSplit {
  rules?: { weighted_upstreams?: { upstream_id?: string | number }[] }[]
}

function referredUpstreams(body: ResourceBody): string[] {
  const ids: unknown[] = [body['upstream_id']]
  const plugins = body['plugins'] as { 'traffic-split'?: TrafficSplit } | undefined
  for (const rule of plugins?.['traffic-split']?.rules ?? []) {
    for (const { upstream_id: id } of rule.weighted_upstreams ?? []) ids.push(id)
  }
  return [...new Set(ids.filter((id) => id !== undefined).map(String))]
}

function isOwnerKind(kind: ResourceKind): boolean {
  return (OWNER_KINDS as readonly string[]).includes(kind)
}

function splitKey(key: string): [ResourceKind, string] {
  const slash = key.indexOf('/')
  return [key.slice(0, slash) as ResourceKind, key.slice(slash + 1)]
}
