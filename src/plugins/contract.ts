import type { Static, TSchema } from 'typebox'
import type { JobInput, JobName, JobOutput } from '../jobs/jobs.ts'
import type { RawHeaders } from '../model/http-message.ts'
import type { MetricBook } from '../model/metrics.ts'
import type { QuotaLedger } from '../model/quota.ts'
import type { ConsumerFacts, RequestContext, UpstreamHandle } from '../model/request-context.ts'
import type { ResourceKind } from '../model/resource-kind.ts'
import type { NestedPlugin } from '../model/schemas/plugin-schemas.ts'
import type { PluginSecrets } from '../model/schemas/sensitive-fields.ts'
import type { Logger } from '../support/logger.ts'

export type { RawHeaders } from '../model/http-message.ts'
export type { ConsumerFacts, RequestContext } from '../model/request-context.ts'
export type { NestedPlugin } from '../model/schemas/plugin-schemas.ts'

/**
 * Version of this contract. An external plugin names the one it was written against; a gateway
 * refuses a plugin of another major version.
 */
export const CONTRACT_VERSION = 1

/** An answer that a plugin gives in place of the node. */
export interface Reply {
  status: number
  headers?: Readonly<Record<string, string | readonly string[]>>
  /** Text and bytes go out as they are, anything else as JSON. */
  body?: unknown
}

type MaybePromise<T> = T | Promise<T>

/** The head of the answer, which `headerFilter` may change: a node's, or the gateway's own. */
export interface ResponseHead {
  status: number
  /** Reason phrase; empty = the usual one of the status. */
  reason: string
  /** Without Content-Length, Connection and the like: framing is the gateway's. */
  readonly headers: RawHeaders
  /** Bytes of the body; undefined = unknown until its end. */
  readonly bodyLength: number | undefined
  /** True when a node answered, false when the gateway itself or a plugin did. */
  readonly fromNode: boolean
  /** Sends this body; what the node sends is read and dropped. Body filters see the new one. */
  replaceBody(body: string | Buffer): void
}

/** Changes a body piece by piece. One per response, so that it may keep state. */
export interface BodyFilter {
  /** Takes a piece, returns what goes on in its place; undefined = nothing yet. */
  transform(chunk: Buffer): MaybePromise<Buffer | undefined>
  /** The body is complete: returns what is still to come. */
  flush?(): MaybePromise<Buffer | undefined>
  /** The response was cut short: `flush` will not be called. */
  stop?(): void
  /** True = returns each piece as it is: the announced length stays. */
  readonly observesOnly?: boolean
}

/** A plugin configured for one owner (route, service, …); only what it defines is ever called. */
export interface PluginInstance {
  /**
   * Variables of its configuration look into the request's body, which is read before the first
   * phase then; one that is announced as too large to be held is not, and they have no value.
   */
  readonly readsBody?: boolean
  /** Before anything else is decided; authentication belongs here. A reply ends the request. */
  rewrite?(request: RequestContext): MaybePromise<Reply | undefined>
  /** After authentication; consumers' plugins have joined. A reply ends the request. */
  access?(request: RequestContext): MaybePromise<Reply | undefined>
  /** The last moment before the request goes to a node. A reply ends the request. */
  beforeProxy?(request: RequestContext): MaybePromise<Reply | undefined>
  /** The head of the answer is here, whoever gave it. */
  headerFilter?(request: RequestContext, head: ResponseHead): void
  /** After all header filters; undefined = the body of this response passes untouched. */
  bodyFilter?(request: RequestContext, head: ResponseHead): BodyFilter | undefined
  /**
   * After all body filters, whatever their priority: encodes (compresses) the body that they made.
   * May change the head's fields. Undefined = the body stays as it is.
   */
  encodeBody?(request: RequestContext, head: ResponseHead): BodyFilter | undefined
  /** The exchange is over. */
  log?(request: RequestContext): void
  /** The owner changed or went; requests under way may still call the phases above. */
  stop?(): void
}

/** A consumer found by one of its credentials for an authentication plugin. */
export interface ConsumerEntry<C = Record<string, unknown>> {
  readonly consumer: ConsumerFacts
  /** The plugin's configuration in the consumer or credential, secrets in plain text. */
  readonly config: C
}

/** Consumers as one authentication plugin sees them. Look-ups cost the same however many there are. */
export interface ConsumerDirectory {
  /** By the plugin's `credentialKey`. */
  find(key: string): ConsumerEntry | undefined
  /** By name, whatever credentials it has; for `anonymous_consumer`. */
  byName(username: string): ConsumerEntry | undefined
  /** Says who calls: sets the consumer of the request and the headers that the node gets. */
  attach(request: RequestContext, entry: ConsumerEntry): void
}

/** Upstreams for plugins that choose where a request goes. Released with the instance. */
export interface UpstreamDirectory {
  /** An upstream object by its id; what it is now is looked up with each request. */
  refer(upstreamId: string): UpstreamHandle
  /** Nodes of the plugin's own. @throws ConfigError when the configuration can't be served. */
  create(config: Readonly<Record<string, unknown>>): UpstreamHandle
}

/** Does work in threads, with a bounded queue; see jobs/job-pool.ts. */
export interface JobRunner {
  run<N extends JobName>(name: N, input: JobInput<N>, deadlineMs: number): Promise<JobOutput<N>>
}

/** A request of the plugin's own, outside of any upstream. */
export interface OutboundRequest {
  readonly url: string
  /** Default GET. */
  readonly method?: string
  /** A flat list, or by name. */
  readonly headers?: string[] | Record<string, string>
  readonly body?: Buffer | string | undefined
  /** From now to the end of the answer; default 60 s. */
  readonly timeoutMs?: number
  /** Check the certificate; default true. */
  readonly verifyTls?: boolean
}

export interface OutboundResponse {
  readonly status: number
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** HTTP to other services; connections are kept. */
export interface OutboundHttp {
  /** Rejects when there is no answer in time, or one of more than 1 MiB. Follows no redirects. */
  send(request: OutboundRequest): Promise<OutboundResponse>
}

/** What the gateway lends a plugin. */
export interface PluginHost {
  /** The object whose `plugins` hold the configuration. */
  readonly owner: { readonly kind: ResourceKind; readonly id: string }
  readonly log: Logger
  /** Milliseconds since the epoch. */
  now(): number
  /** The plugin's metadata object, defaults filled in, as it is now; `{}` when there is none. */
  metadata(): Readonly<Record<string, unknown>>
  readonly consumers: ConsumerDirectory
  readonly upstreams: UpstreamDirectory
  /**
   * Configures another plugin for the same owner, which the caller then runs; it ends with the
   * caller. Undefined when the settings turned that plugin off. Name it in `nestedPlugins` too.
   * @throws ConfigError
   */
  configure(nested: NestedPlugin): PluginInstance | undefined
  /** Threads for what would hold up the event loop for more than 100 µs. */
  readonly jobs: JobRunner
  readonly http: OutboundHttp
  /** Counters that all workers of the instance share. */
  readonly quota: QuotaLedger
  /** Metrics; what all workers count is added up. */
  readonly metrics: MetricBook
}

/** A plugin: what its configuration looks like and what it does with it. */
export interface Plugin {
  /** Contract it was written against; see CONTRACT_VERSION. */
  readonly contract: number
  readonly name: string
  /** Higher runs first. */
  readonly priority: number
  /** `auth`: its configuration in consumers and credentials says who they are. */
  readonly type?: 'auth'
  /** Of a global rule's and a route's configuration only the route's runs. */
  readonly preferRoute?: boolean
  readonly schema: TSchema
  /** Of the configuration in consumers and credentials; without one, `schema`. */
  readonly consumerSchema?: TSchema
  readonly metadataSchema?: TSchema
  /** Secrets in its configurations, by dotted path: encrypted where they are stored. */
  readonly encryptFields?: PluginSecrets
  /** Configurations of other plugins that stand in this one: checked together with it. */
  readonly nestedPlugins?: (config: Record<string, unknown>) => readonly NestedPlugin[]
  /** For `type: 'auth'`: what a consumer's configuration is found by. */
  readonly credentialKey?: (config: Record<string, unknown>) => string | undefined
  /** For `type: 'auth'`: what `consumerSchema` can't say. @throws ConfigError */
  readonly checkConsumer?: (config: Record<string, unknown>) => void
  /**
   * Configures the plugin; once for each owner, when its configuration arrives. Everything that
   * can be decided now is: phases only do what depends on the request. Has no effects beyond
   * those of `host`, since the Admin API calls it too, to try a configuration out.
   * @throws ConfigError when the configuration makes no sense; its author gets the message.
   */
  create(config: never, host: PluginHost): PluginInstance
}

type PluginSource<S extends TSchema> = Omit<Plugin, 'contract' | 'schema' | 'create'> & {
  contract?: number
  schema: S
  create(config: Static<S>, host: PluginHost): PluginInstance
}

/** Types a plugin: `create` gets what `schema` describes, with defaults filled in. */
export function definePlugin<S extends TSchema>(source: PluginSource<S>): Plugin {
  return { contract: CONTRACT_VERSION, ...source }
}
