import { hostname } from 'node:os'
import type { RawHeaders } from '../../model/http-message.ts'
import type { RequestContext } from '../../model/request-context.ts'
import { compileVariable } from '../../support/variables/variable.ts'
import { VERSION } from '../../support/version.ts'
import type { LoggedBodies } from './log-format.ts'

/** Fields whose values give access to something: an entry says that they were there, not more. */
const SECRET_FIELDS = new Set([
  'api-key',
  'apikey',
  'authorization',
  'cookie',
  'proxy-authorization',
  'set-cookie',
  'x-access-token',
  'x-amz-security-token',
  'x-api-key',
  'x-auth-token',
  'x-csrf-token',
])
const MASK = '***'

/** nginx's status for a client that left before there was an answer. */
const CLIENT_CLOSED_REQUEST = 499

const SERVER = { hostname: hostname(), version: VERSION }

const requestUri = compileVariable('request_uri')
const upstreamAddress = compileVariable('upstream_addr')

/** The entry that APISIX's loggers write of a request when nobody says what it is to look like. */
export function defaultEntry(
  request: RequestContext,
  bodies: LoggedBodies,
  nowMs: number,
): Record<string, unknown> {
  const { route, consumer, connection, upstream } = request
  const latency = performance.now() - request.startedAt
  const uri = requestUri(request) ?? request.target
  const ownLatency = latency - (upstream.responseMs ?? 0)
  return {
    request: {
      url: `${request.scheme}://${request.host}:${connection.localPort}${uri}`,
      uri,
      method: request.method,
      headers: fieldsByName(request.receivedHeaders),
      querystring: argumentsByName(request.args),
      size: request.requestLength,
      body: bodies.request,
    },
    response: {
      status: request.status === 0 ? CLIENT_CLOSED_REQUEST : request.status,
      headers: fieldsByName(request.responseHeaders ?? []),
      size: request.headBytesSent + request.bytesSent,
      body: bodies.response,
    },
    server: SERVER,
    upstream: upstreamAddress(request),
    service_id: route === undefined ? request.host : (route.serviceId ?? ''),
    route_id: route?.id,
    consumer: consumer === undefined ? undefined : { username: consumer.username },
    client_ip: request.remoteAddress,
    start_time: Math.round(nowMs - latency),
    latency: toMicroseconds(latency),
    upstream_latency:
      upstream.responseMs === undefined ? undefined : toMicroseconds(upstream.responseMs),
    apisix_latency: toMicroseconds(ownLatency > 0 ? ownLatency : 0),
  }
}

function toMicroseconds(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}

type Values = Record<string, string | string[]>

/** By lower-case name; a list where there are several. */
function fieldsByName(headers: RawHeaders): Values {
  const fields: Values = Object.create(null)
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase()
    put(fields, name, SECRET_FIELDS.has(name) ? MASK : (headers[i + 1] as string))
  }
  return fields
}

function argumentsByName(args: RequestContext['args']): Values {
  const values: Values = Object.create(null)
  for (const [name, list] of args) for (const value of list) put(values, name, value)
  return values
}

function put(values: Values, name: string, value: string): void {
  const before = values[name]
  if (before === undefined) values[name] = value
  else if (typeof before === 'string') values[name] = [before, value]
  else before.push(value)
}
