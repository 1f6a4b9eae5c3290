import { isIP } from 'node:net'
import type { ResourceBody, ResourceKind } from '../../model/resource-kind.ts'
import type { Nodes } from '../../model/schemas/upstream-nodes.ts'
import { resourceId } from '../../model/snapshot.ts'
import { redact } from '../../plugins/redact-resource.ts'
import { configuredNodes } from '../../upstream/configured-nodes.ts'
import type { ServingConfig } from '../serving-config.ts'
import { type ControlAnswer, refuse } from './control-answer.ts'

/** Kinds that the control API dumps, by the singular that its errors use. */
export const DUMPED = { route: 'routes', service: 'services', upstream: 'upstreams' } as const

/** `/v1/routes`, `/v1/services`, `/v1/upstreams` */
export function allObjects(config: ServingConfig | undefined, kind: ResourceKind): ControlAnswer {
  return { status: 200, items: dumpAll(config, kind) }
}

/** `/v1/route/{id}`, `/v1/service/{id}`, `/v1/upstream/{id}` */
export function oneObject(
  config: ServingConfig | undefined,
  name: keyof typeof DUMPED,
  id: string,
): ControlAnswer {
  const kind = DUMPED[name]
  const body = config?.get(kind, id)
  if (config === undefined || body === undefined) return refuse(404, `${name}[${id}] not found`)
  return { status: 200, body: dump(config, kind, body) }
}

/** `/v1/plugin_metadatas` */
export function allMetadata(config: ServingConfig | undefined): ControlAnswer {
  const bodies = config?.bodies('plugin_metadata') ?? []
  return { status: 200, body: bodies.map((body) => redact('plugin_metadata', body)) }
}

/** `/v1/plugin_metadata/{name}` */
export function oneMetadata(config: ServingConfig | undefined, name: string): ControlAnswer {
  const body = config?.get('plugin_metadata', name)
  if (body === undefined) return refuse(404, `plugin metadata[${name}] not found`)
  return { status: 200, body: redact('plugin_metadata', body) }
}

function* dumpAll(config: ServingConfig | undefined, kind: ResourceKind): Generator<object> {
  for (const body of config?.bodies(kind) ?? []) yield dump(config as ServingConfig, kind, body)
}

/**
 * An object as APISIX keeps it in memory. Of its indexes there is only the revision of the whole
 * configuration.
 */
function dump(config: ServingConfig, kind: ResourceKind, body: ResourceBody): object {
  const { revision } = config.source.mark
  const value = redact(kind, body)
  return {
    key: `/apisix/${kind}/${resourceId(kind, body)}`,
    value: withNodeList(value),
    createdIndex: revision,
    modifiedIndex: revision,
    has_domain: hasDomain(value['upstream'] ?? value),
  }
}

/** APISIX turns the map of nodes into a list when it loads an object. */
function withNodeList(body: ResourceBody): ResourceBody {
  const { upstream, nodes, scheme } = body
  if (upstream !== undefined) return { ...body, upstream: withNodeList(upstream as ResourceBody) }
  if (nodes === undefined || Array.isArray(nodes)) return body
  return { ...body, nodes: configuredNodes(nodes as Nodes, String(scheme ?? 'http')) }
}

function hasDomain(upstream: unknown): boolean {
  const { nodes, scheme } = upstream as { nodes?: Nodes; scheme?: string }
  if (nodes === undefined) return false
  return configuredNodes(nodes, scheme ?? 'http').some(({ host }) => isIP(host) === 0)
}
