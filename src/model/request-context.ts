import type { BodySink, ClientConnection, RawHeaders } from './http-message.ts'

/** The route that took a request, as matching, plugins and logs name it. */
export interface RouteFacts {
  readonly id: string
  readonly name: string | undefined
  /** The pattern as configured: its only uri, or the first of several. */
  readonly uri: string
  /** Its only host, or the first of several; a service's if it has none of its own. */
  readonly host?: string | undefined
  readonly labels: Readonly<Record<string, string>> | undefined
  readonly serviceId: string | undefined
  readonly serviceName: string | undefined
}

/** Who calls, once an authentication plugin has said so. */
export interface ConsumerFacts {
  readonly username: string
  /** Id of the consumer_group it belongs to. */
  readonly groupId: string | undefined
  readonly labels: Readonly<Record<string, string>> | undefined
  /** The credential object it came with; undefined for a credential in the consumer itself. */
  readonly credentialId: string | undefined
}

/** What became of a request at the nodes; filled in while it goes on. Times in milliseconds. */
export interface UpstreamFacts {
  /** `host:port` of every attempt, in order. */
  readonly nodes: readonly string[]
  /** Name that the address of the last of them was looked up by; undefined if it needed none. */
  readonly lastName?: string | undefined
  /** Status of every attempt that was answered, in order; 502 or 504 for one that failed. */
  readonly statuses: readonly number[]
  /** From the first attempt to the response head; undefined while there is none. */
  readonly headerMs: number | undefined
  /** From the first attempt to the end of the response. */
  readonly responseMs: number | undefined
  readonly bytesReceived: number
}

/** An upstream that a plugin refers to or made; opaque to it. */
export interface UpstreamHandle {
  /** Id of the upstream object; undefined for one that the plugin made. */
  readonly upstreamId: string | undefined
}

/**
 * One request on its way through the gateway: what route conditions, balancers, plugins and logs
 * see of it. There is one object per request; everything derived is made on first use.
 */
export interface RequestContext {
  /** 32 hexadecimal digits of our own making; in logs and as `$request_id`. */
  readonly id: string
  readonly connection: ClientConnection
  readonly httpVersion: '1.0' | '1.1' | '2'
  /** Request target as received, `/path?query`. */
  readonly target: string
  /** Authority as received; may be empty for HTTP/1.0. */
  readonly authority: string
  /** Milliseconds of `performance.now()` when the head was complete. */
  readonly startedAt: number

  /** What the node gets; variables that name the method follow. */
  method: string
  /** Host without port, lower-case. */
  readonly host: string
  /** Decoded and normalised path: `$uri`. What the node gets is the raw path, or a plugin's. */
  readonly path: string
  /** Query string without its `?`, raw; what the node gets. Setting it renews `args`. */
  query: string
  /** Encoded path for the node in place of the one received; undefined = as received. */
  forwardPath: string | undefined
  /** Path and query as they go to the node. */
  readonly forwardTarget: string
  /** `Host` for the node in place of what `pass_host` says; undefined = as that says. */
  forwardHost: string | undefined
  /** Nodes to use in place of the route's; a handle that the plugin's host gave. */
  forwardUpstream: UpstreamHandle | undefined
  /** Address of the client, or what a trusted proxy said of it. */
  remoteAddress: string
  remotePort: number
  /** `http` or `https`, as the client's connection is. */
  readonly scheme: string
  /**
   * End-to-end fields of the request, a copy that may be changed: the node gets them. Use
   * support/header-fields.ts. Made on first use.
   */
  readonly headers: RawHeaders
  /** Fields as received, never changed. */
  readonly receivedHeaders: RawHeaders
  /** Decoded query arguments; the first value of each name comes first. */
  readonly args: ReadonlyMap<string, readonly string[]>
  readonly cookies: ReadonlyMap<string, string>
  /** True if the client sent a body (which may be empty). */
  readonly hasBody: boolean
  /** The whole body, once `readBody` was done with it. */
  readonly bodyBytes: Buffer | undefined

  /** Undefined until a route has matched. */
  readonly route: RouteFacts | undefined
  /** Set by authentication plugins, through their host. */
  readonly consumer: ConsumerFacts | undefined
  readonly upstream: UpstreamFacts
  /** Status of the answer to the client; 0 until there is one. */
  readonly status: number
  /** Bytes of the request so far: line, fields and body. */
  readonly requestLength: number
  /** Bytes of response body sent to the client. */
  readonly bytesSent: number
  /** Bytes of the head of the answer; 0 until there is one. */
  readonly headBytesSent: number
  /** True when a node answered, false when the gateway itself did. */
  readonly answeredByNode: boolean
  /** Fields of the answer; undefined until there is one. Plugins may change them in `headerFilter`. */
  readonly responseHeaders: RawHeaders | undefined

  /**
   * Reads the whole body, to a limit; it is sent on from memory then.
   * @throws RequestTooLargeError beyond `maxBytes`: the client gets 413; BodyMemoryError when the
   * bodies of others have all the memory: it gets 503.
   */
  readBody(maxBytes?: number): Promise<Buffer>
  /** Gives up on a body that turns out to be larger, announced or not: the client gets 413. */
  limitBody(maxBytes: number): void
  /** Puts another body in place of the client's; its length is announced. */
  replaceBody(body: Buffer): void
  /** Hears of the body's bytes as they pass on to the node, without holding anything up. */
  observeBody(observer: Pick<BodySink, 'onEnd' | 'onError'> & { onData(chunk: Buffer): void }): void
  /**
   * Takes `bytes` of the memory for all bodies that a worker holds; they are given back when the
   * request is over. False = there is none left: hold no more. `readBody` does it by itself.
   */
  holdMemory(bytes: number): boolean

  /** A value that a plugin left for others: `$name` in templates and conditions. */
  getVariable(name: string): string | undefined
  setVariable(name: string, value: string): void
}
