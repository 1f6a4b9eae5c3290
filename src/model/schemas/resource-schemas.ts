import type { TSchema } from 'typebox'
import type { ResourceKind } from '../resource-kind.ts'
import { Consumer } from './consumer.ts'
import { ConsumerGroup } from './consumer-group.ts'
import { Credential } from './credential.ts'
import { GlobalRule } from './global-rule.ts'
import { PluginConfig } from './plugin-config.ts'
import { PluginMetadata } from './plugin-metadata.ts'
import { checkProto, Proto } from './proto.ts'
import { checkRoute, Route } from './route.ts'
import { checkSecret, Secret } from './secret.ts'
import { checkService, Service } from './service.ts'
import { checkSsl, Ssl } from './ssl.ts'
import { checkStreamRoute, StreamRoute } from './stream-route.ts'
import { checkUpstream, Upstream } from './upstream.ts'

/** What an object of each kind looks like once validated, defaults filled in. */
interface ResourceTypes {
  routes: Route
  services: Service
  upstreams: Upstream
  consumers: Consumer
  credentials: Credential
  consumer_groups: ConsumerGroup
  plugin_configs: PluginConfig
  global_rules: GlobalRule
  plugin_metadata: PluginMetadata
  ssls: Ssl
  stream_routes: StreamRoute
  protos: Proto
  secrets: Secret
}

export type ResourceOf<K extends ResourceKind> = ResourceTypes[K]

/** Everything the model knows about the shape of one kind. */
export interface ResourceShape<K extends ResourceKind> {
  schema: TSchema
  /** Rules between fields; runs on a filled object that has passed the schema. */
  checkRules?: (resource: ResourceOf<K>) => string | undefined
}

export const RESOURCE_SHAPES: { [K in ResourceKind]: ResourceShape<K> } = {
  routes: { schema: Route, checkRules: checkRoute },
  services: { schema: Service, checkRules: checkService },
  upstreams: {
    schema: Upstream,
    checkRules(upstream) {
      const problem = checkUpstream(upstream)
      return problem && `invalid configuration: ${problem}`
    },
  },
  consumers: { schema: Consumer },
  credentials: { schema: Credential },
  consumer_groups: { schema: ConsumerGroup },
  plugin_configs: { schema: PluginConfig },
  global_rules: { schema: GlobalRule },
  plugin_metadata: { schema: PluginMetadata },
  ssls: { schema: Ssl, checkRules: checkSsl },
  stream_routes: { schema: StreamRoute, checkRules: checkStreamRoute },
  protos: { schema: Proto, checkRules: checkProto },
  secrets: { schema: Secret, checkRules: checkSecret },
}
