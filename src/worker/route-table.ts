import { ConfigError, GatewayError } from '../model/errors.ts'
import type { Quarantined } from '../model/ipc.ts'
import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import { referencesOf } from '../model/resource-references.ts'
import type { Change, Delta, RevisionMark } from '../model/revision.ts'
import type { RouterMode } from '../model/routing.ts'
import { type SecretsByObject, type SecretValue, secretsKey } from '../model/secret-value.ts'
import { createRouter, type Router } from '../routing/router.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { ConfigObjects, isUnseen, openVersion, type Version } from './config-objects.ts'
import { inDependencyOrder } from './dependency-order.ts'
import { matchRule } from './match-rule.ts'
import type { PluginOwner } from './plugins/plugin-configurator.ts'
import type { PluginServices } from './plugins/plugin-services.ts'
import { PluginTable } from './plugins/plugin-table.ts'
import { ReferenceIndex } from './reference-index.ts'
import type { RoutePlan } from './route-plan.ts'
import type { StoredRoute, StoredService, StoredUpstream } from './stored-objects.ts'
import { UpstreamCell } from './upstream-cell.ts'
import type { CertificateLookup, ClientCertificate } from './upstream-config.ts'
import type { UpstreamFactory } from './upstream-factory.ts'

interface ServiceEntry {
  readonly cell: UpstreamCell
  hosts: readonly string[]
  name: string | undefined
}

/**
 * One revision of the configuration, compiled for serving and kept current in place: a change
 * costs what it names and what refers to that. An object that can't be compiled is quarantined;
 * its last good version stays.
 */
export class RouteTable {
  readonly plugins: PluginTable
  readonly #objects: ConfigObjects
  readonly #factory: UpstreamFactory
  readonly #router: Router<RoutePlan>
  readonly #upstreams = new Map<string, UpstreamCell>()
  readonly #services = new Map<string, ServiceEntry>()
  /** Every route has a cell of its own, which holds an upstream or follows another cell. */
  readonly #routeCells = new Map<string, UpstreamCell>()
  readonly #references = new ReferenceIndex()
  /** plugin_configs and consumer_groups that have been compiled, as `kind/id`. */
  readonly #pluginOwners = new Set<string>()

  constructor(
    group: string,
    at: { epoch: string; revision: number },
    factory: UpstreamFactory,
    plugins: PluginServices,
    routerMode?: RouterMode,
  ) {
    this.#objects = new ConfigObjects(group, at)
    this.#factory = factory
    this.#router = createRouter<RoutePlan>({ mode: routerMode })
    this.plugins = new PluginTable(plugins, {
      find: (id) => this.#upstreams.get(id),
      create: (body) => factory.create(body, '', this.#findCertificate),
    })
  }

  get group(): string {
    return this.#objects.group
  }

  get mark(): RevisionMark {
    return this.#objects.mark
  }

  get router(): Router<RoutePlan> {
    return this.#router
  }

  get quarantined(): Quarantined[] {
    return this.#objects.quarantined
  }

  /** How many objects applying this delta may compile: the changed ones and what refers to them. */
  costOf(delta: Delta): number {
    return delta.changes.reduce(
      (sum, { kind, id }) => sum + 1 + this.#references.ownersOf(`${kind}/${id}`).size,
      0,
    )
  }

  /**
   * Adds an object of the revision that the table was created at; call in LOAD_ORDER. For one that
   * can't be compiled, what the table before this one serves goes on.
   */
  load(
    kind: ResourceKind,
    body: ResourceBody,
    secrets?: readonly SecretValue[],
    before?: RouteTable,
  ): void {
    const id = this.#objects.load(kind, body, secrets)
    this.#compile(kind, id)
    if (before === undefined || !this.#objects.isQuarantined(kind, id)) return
    const served = before.#objects.served(kind, id)
    if (served === undefined || this.#tryCompile(kind, id, served) !== undefined) return
    this.#objects.goOnWith(kind, id, served)
  }

  /** All objects as they would be after these changes, in LOAD_ORDER; a copy, safe to pause in. */
  objectsAfter(changes: readonly Change[], secrets?: SecretsByObject) {
    return this.#objects.after(changes, secrets)
  }

  /**
   * Applies the next revision as a whole.
   * @throws ProtocolError when the delta does not fit (see ConfigState); nothing is compiled then.
   */
  apply(delta: Delta, secrets: SecretsByObject = {}): void {
    const before = new Map(
      delta.changes.map(({ kind, id }) => [secretsKey(kind, id), this.#objects.served(kind, id)]),
    )
    this.#objects.apply(delta, secrets)
    for (const { op, kind, id } of inDependencyOrder(delta.changes)) {
      if (op === 'put') this.#compile(kind, id)
      else this.#remove(kind, id)
      const served = before.get(secretsKey(kind, id))
      if (served !== undefined && this.#objects.isQuarantined(kind, id)) {
        this.#objects.goOnWith(kind, id, served)
      }
    }
  }

  /** Releases all upstreams; requests under way finish. */
  stop(): void {
    for (const cell of this.#routeCells.values()) cell.clear()
    for (const { cell } of this.#services.values()) cell.clear()
    for (const cell of this.#upstreams.values()) cell.clear()
    this.plugins.stop()
  }

  /** Compiles an object as it is wanted. */
  #compile(kind: ResourceKind, id: string): void {
    const wanted = this.#objects.wanted(kind, id)
    if (wanted === undefined) return
    this.#references.set(`${kind}/${id}`, targetsOf(kind, openVersion(wanted)))
    const error = this.#tryCompile(kind, id, wanted)
    if (error === undefined) {
      this.#objects.accept(kind, id)
    } else {
      const unguarded = kind === 'global_rules' && !this.plugins.runsGlobalRule(id)
      const reason = error.message
      this.#objects.refuse({ kind, id, reason, ...(unguarded && { unguarded }) })
    }
  }

  #tryCompile(kind: ResourceKind, id: string, version: Version): GatewayError | undefined {
    try {
      this.#compileKind(kind, id, version)
      return undefined
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      return error
    }
  }

  #compileKind(kind: ResourceKind, id: string, version: Version): void {
    const body = openVersion(version)
    if (kind === 'routes') this.#compileRoute(id, body)
    else if (kind === 'services') this.#compileService(id, body)
    else if (kind === 'upstreams') this.#compileUpstream(id, body)
    else if (kind === 'consumers') this.#compileConsumer(id, body, isUnseen(version))
    else if (kind === 'credentials') this.plugins.putCredential(id, body, isUnseen(version))
    else if (kind === 'global_rules') this.plugins.putGlobalRule(id, body)
    else if (kind === 'plugin_metadata') this.plugins.putMetadata(id, body)
    else if (kind === 'ssls') this.#compileOwners(`ssls/${id}`)
    else if (kind === 'plugin_configs' || kind === 'consumer_groups') {
      this.#compilePluginOwner(kind, id, body)
    }
  }

  /** An object that only holds plugins for others. */
  #compilePluginOwner(kind: ResourceKind, id: string, body: ResourceBody): void {
    this.plugins.prepareOwner(kind, id, body).commit()
    const key = `${kind}/${id}`
    if (this.#pluginOwners.has(key)) return
    this.#pluginOwners.add(key)
    this.#compileOwners(key)
  }

  #compileConsumer(id: string, body: ResourceBody, unseen: boolean): void {
    this.#mustHave('consumer_groups', 'group_id', body['group_id'])
    this.plugins.putConsumer(id, body, unseen)
    // Its credentials carry its labels and group.
    this.#compileOwners(`consumers/${id}`)
  }

  #compileUpstream(id: string, body: ResourceBody): void {
    const upstream = this.#createUpstream(body as StoredUpstream, `upstreams/${id}`)
    const known = this.#upstreams.get(id)
    const cell = known ?? new UpstreamCell()
    cell.hold(upstream)
    this.#upstreams.set(id, cell)
    if (known === undefined) this.#compileOwners(`upstreams/${id}`)
  }

  #compileService(id: string, body: ResourceBody): void {
    const service = body as StoredService
    const known = this.#services.get(id)
    const cell = known?.cell ?? new UpstreamCell()
    const plugins = this.plugins.prepareOwner('services', id, body)
    try {
      if (service.upstream === undefined && service.upstream_id === undefined) cell.clear()
      else this.#fill(cell, service, `services/${id}`)
    } catch (error) {
      plugins.discard()
      throw error
    }
    plugins.commit()
    const { hosts = [], name } = service
    this.#services.set(id, { cell, hosts, name })
    const sameForRoutes = known?.hosts.join() === hosts.join() && known.name === name
    if (!sameForRoutes) this.#compileOwners(`services/${id}`)
  }

  #compileRoute(id: string, body: ResourceBody): void {
    const route = body as StoredRoute
    const serviceId = route.service_id === undefined ? undefined : String(route.service_id)
    const service = serviceId === undefined ? undefined : this.#service(serviceId)
    const rule = matchRule(route, service?.hosts ?? [])

    this.#mustHave('plugin_configs', 'plugin_config_id', route.plugin_config_id)

    const plugins = this.plugins.prepareOwner('routes', id, body)
    const cell = new UpstreamCell()
    try {
      if (service !== undefined) cell.follow(service.cell)
      this.#fill(cell, route, `routes/${id}`)
      const plan = this.#plan(id, route, cell, service)
      if (route.status === 0) this.#router.delete(id)
      else this.#router.put(id, rule, plan)
    } catch (error) {
      plugins.discard()
      cell.clear()
      throw error
    }
    plugins.commit()
    this.#routeCells.get(id)?.clear()
    this.#routeCells.set(id, cell)
  }

  #plan(
    id: string,
    route: StoredRoute,
    upstream: UpstreamCell,
    service: ServiceEntry | undefined,
  ): RoutePlan {
    const serviceId = route.service_id === undefined ? undefined : String(route.service_id)
    const owners: PluginOwner[] = []
    if (serviceId !== undefined) owners.push({ kind: 'services', id: serviceId })
    if (route.plugin_config_id !== undefined) {
      owners.push({ kind: 'plugin_configs', id: String(route.plugin_config_id) })
    }
    if (route.plugins !== undefined) owners.push({ kind: 'routes', id })
    return {
      facts: {
        id,
        name: route.name,
        uri: route.uri ?? route.uris?.[0] ?? '',
        host: route.host ?? route.hosts?.[0] ?? service?.hosts[0],
        labels: route.labels,
        serviceId,
        serviceName: service?.name,
      },
      upstream,
      timeouts: this.#factory.timeoutsOf(route.timeout),
      chain: this.plugins.chainOf(owners),
    }
  }

  readonly #findCertificate: CertificateLookup = (id) => {
    const wanted = this.#objects.wanted('ssls', id)
    return wanted && (openVersion(wanted) as ClientCertificate)
  }

  #createUpstream(body: StoredUpstream, owner: string): Upstream {
    return this.#factory.create(body, owner, this.#findCertificate)
  }

  /** Points the cell to the upstream that a route or service names; without one it stays. */
  #fill(cell: UpstreamCell, owner: UpstreamOwner, key: string): void {
    if (owner.upstream !== undefined) cell.hold(this.#createUpstream(owner.upstream, key))
    else if (owner.upstream_id !== undefined) cell.follow(this.#upstream(String(owner.upstream_id)))
  }

  #remove(kind: ResourceKind, id: string): void {
    const key = `${kind}/${id}`
    this.#objects.accept(kind, id)
    this.#references.set(key, [])
    if (kind === 'routes') {
      this.#router.delete(id)
      this.#routeCells.get(id)?.clear()
      this.#routeCells.delete(id)
      this.plugins.deleteOwner(kind, id)
    } else if (kind === 'services') {
      this.#services.get(id)?.cell.clear()
      this.#services.delete(id)
      if (this.#references.ownersOf(key).size === 0) this.plugins.deleteOwner(kind, id)
      this.#compileOwners(key)
    } else if (kind === 'upstreams') {
      this.#upstreams.get(id)?.clear()
      this.#upstreams.delete(id)
      this.#compileOwners(key)
    } else {
      this.#removePlugins(kind, id)
    }
  }

  #removePlugins(kind: ResourceKind, id: string): void {
    const key = `${kind}/${id}`
    if (kind === 'consumers') this.plugins.deleteConsumer(id)
    else if (kind === 'credentials') this.plugins.deleteCredential(id)
    else if (kind === 'global_rules') this.plugins.deleteGlobalRule(id)
    else if (kind === 'plugin_metadata') this.plugins.deleteMetadata(id)
    else if (kind === 'ssls') this.#compileOwners(key)
    else if (this.#pluginOwners.delete(key)) {
      // What still refers to it is quarantined, and its last good version goes on with the plugins.
      if (this.#references.ownersOf(key).size === 0) this.plugins.deleteOwner(kind, id)
      this.#compileOwners(key)
    }
  }

  /** Compiles again what refers to an object that came, went or changed its hosts. */
  #compileOwners(target: string): void {
    for (const owner of [...this.#references.ownersOf(target)]) {
      const [kind, id] = splitKey(owner)
      this.#compile(kind, id)
    }
  }

  #mustHave(kind: ResourceKind, field: string, id: unknown): void {
    if (id !== undefined && !this.#pluginOwners.has(`${kind}/${id}`))
      throw missing(field, String(id))
  }

  #service(id: string): ServiceEntry {
    const entry = this.#services.get(id)
    if (entry === undefined) throw missing('service_id', id)
    return entry
  }

  #upstream(id: string): UpstreamCell {
    const cell = this.#upstreams.get(id)
    if (cell === undefined) throw missing('upstream_id', id)
    return cell
  }
}

type UpstreamOwner = {
  upstream?: Parameters<UpstreamFactory['create']>[0] | undefined
  upstream_id?: string | number | undefined
}

function missing(field: string, id: string): ConfigError {
  return new ConfigError('GW_CONFIG_REFERENCE', `${field} refers to [${id}], which is not there`)
}

/** What must be compiled before an object. Plugins look for what they name with each request. */
function targetsOf(kind: ResourceKind, body: ResourceBody): string[] {
  return referencesOf(kind, body).flatMap((to) =>
    typeof to.via === 'string' ? [`${to.kind}/${to.id}`] : [],
  )
}

function splitKey(key: string): [ResourceKind, string] {
  const slash = key.indexOf('/')
  return [key.slice(0, slash) as ResourceKind, key.slice(slash + 1)]
}
