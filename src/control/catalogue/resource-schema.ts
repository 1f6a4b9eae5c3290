import { isResourceKind, type ResourceKind } from '../../model/resource-kind.ts'
import { RESOURCE_SHAPES } from '../../model/schemas/resource-schemas.ts'
import { type Answer, refusal } from '../answer.ts'

/** Schemas have the names of single objects in APISIX; those of collections are taken too. */
const KIND_OF: Readonly<Record<string, ResourceKind>> = {
  route: 'routes',
  service: 'services',
  upstream: 'upstreams',
  consumer: 'consumers',
  credential: 'credentials',
  consumer_group: 'consumer_groups',
  plugin_config: 'plugin_configs',
  global_rule: 'global_rules',
  ssl: 'ssls',
  stream_route: 'stream_routes',
  proto: 'protos',
  secret: 'secrets',
}

/** The JSON schema of a kind of objects. */
export function resourceSchema(name: string): Answer {
  const kind = Object.hasOwn(KIND_OF, name) ? KIND_OF[name] : name
  if (kind === undefined || !isResourceKind(kind)) {
    return refusal(400, `not found schema: ${name.slice(0, 100)}`)
  }
  return { status: 200, body: RESOURCE_SHAPES[kind].schema }
}
