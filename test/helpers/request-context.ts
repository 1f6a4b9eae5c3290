import type { RawHeaders } from '../../src/model/http-message.ts'
import type { RequestContext } from '../../src/model/request-context.ts'

/** What a test says of its request; the rest is a GET of `/` without anything. */
export interface RequestFacts
  extends Partial<Omit<RequestContext, 'args' | 'cookies' | 'bodyBytes'>> {
  readonly body?: string
  readonly variables?: Record<string, string>
}

/** A request without a connection, for conditions, variables and plugins in unit tests. */
export function requestContext(facts: RequestFacts = {}): RequestContext {
  const { body, variables, ...rest } = facts
  const target = facts.target ?? '/'
  const [rawPath = '/', ...queries] = target.split('?')
  const query = facts.query ?? queries.join('?')
  const headers: RawHeaders = facts.headers ?? []
  const values = new Map(Object.entries(variables ?? {}))
  return {
    id: 'request-1',
    connection: {
      remoteAddress: '10.0.0.9',
      remotePort: 40_001,
      localAddress: '10.0.0.1',
      localPort: 9080,
      encrypted: false,
    },
    httpVersion: '1.1',
    target,
    authority: 'example.com:9080',
    startedAt: performance.now(),
    method: 'GET',
    host: 'example.com',
    path: decodeURIComponent(rawPath),
    query,
    forwardPath: undefined,
    forwardHost: undefined,
    forwardTarget: target,
    forwardUpstream: undefined,
    remoteAddress: '192.0.2.7',
    remotePort: 50_001,
    scheme: 'http',
    headers,
    receivedHeaders: headers,
    args: argsOf(query),
    cookies: cookiesOf(headers),
    hasBody: body !== undefined,
    bodyBytes: body === undefined ? undefined : Buffer.from(body),
    route: undefined,
    consumer: undefined,
    upstream: {
      upstreamId: undefined,
      nodes: [],
      statuses: [],
      headerMs: undefined,
      responseMs: undefined,
      bytesReceived: 0,
    },
    status: 0,
    requestLength: 0,
    bytesSent: 0,
    headBytesSent: 0,
    answeredByNode: false,
    responseHeaders: undefined,
    readBody: () => Promise.resolve(Buffer.from(body ?? '')),
    replaceBody: () => undefined,
    limitBody() {},
    holdMemory: () => true,
    observeBody: () => undefined,
    getVariable: (name) => values.get(name),
    setVariable: (name, value) => void values.set(name, value),
    ...rest,
  } as RequestContext
}

function argsOf(query: string): Map<string, string[]> {
  const args = new Map<string, string[]>()
  for (const [name, value] of new URLSearchParams(query)) {
    args.set(name, [...(args.get(name) ?? []), value])
  }
  return args
}

function cookiesOf(headers: RawHeaders): Map<string, string> {
  const at = headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'cookie')
  const pairs = (headers[at + 1] ?? '').split('; ').map((pair) => pair.split('='))
  return new Map(at === -1 ? [] : pairs.map(([name = '', value = '']) => [name, value]))
}
