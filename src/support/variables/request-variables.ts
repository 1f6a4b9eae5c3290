import { hostname } from 'node:os'
import type { RequestContext } from '../../model/request-context.ts'
import { fieldValue } from '../header-fields.ts'
import { isoTime, logTime } from './log-time.ts'

type TextReader = (request: RequestContext) => string | undefined

const HOSTNAME = hostname()
const PID = String(process.pid)

/** Variables of a fixed name. What is empty or not known yet is undefined, as in nginx's Lua. */
export const REQUEST_VARIABLES: ReadonlyMap<string, TextReader> = new Map<string, TextReader>(
  Object.entries({
    uri: (request) => request.path,
    document_uri: (request) => request.path,
    request_uri: normalizedTarget,
    real_request_uri: (request) => request.target,
    args: (request) => request.query || undefined,
    query_string: (request) => request.query || undefined,
    is_args: (request) => (request.query === '' ? '' : '?'),

    method: (request) => request.method,
    request_method: (request) => request.method,
    scheme: (request) => request.scheme,
    https: (request) => (request.scheme === 'https' ? 'on' : ''),
    host: (request) => request.host || undefined,
    http_host: (request) => request.authority || undefined,
    server_protocol: protocol,
    request: requestLine,
    request_line: requestLine,
    content_type: (request) => fieldValue(request.headers, 'content-type'),
    content_length: (request) => fieldValue(request.receivedHeaders, 'content-length'),
    request_body: (request) => request.bodyBytes?.toString(),
    remote_user: remoteUser,
    request_id: (request) => request.id,

    remote_addr: (request) => request.remoteAddress,
    remote_port: (request) => String(request.remotePort),
    realip_remote_addr: (request) => request.connection.remoteAddress,
    realip_remote_port: (request) => String(request.connection.remotePort),
    proxy_add_x_forwarded_for: forwardedFor,
    server_addr: (request) => request.connection.localAddress,
    server_port: (request) => String(request.connection.localPort),
    server_name: () => '_',
    hostname: () => HOSTNAME,
    pid: () => PID,

    route_id: (request) => request.route?.id,
    route_name: (request) => request.route?.name,
    service_id: (request) => request.route?.serviceId,
    service_name: (request) => request.route?.serviceName,
    consumer_name: (request) => request.consumer?.username,
    consumer_group_id: (request) => request.consumer?.groupId,
    credential_id: (request) => request.consumer?.credentialId,

    status: (request) => (request.status === 0 ? undefined : String(request.status)),
    body_bytes_sent: (request) => String(request.bytesSent),
    bytes_sent: (request) => String(request.headBytesSent + request.bytesSent),
    request_length: (request) => String(request.requestLength),
    request_time: (request) => seconds(performance.now() - request.startedAt),
    upstream_addr: (request) => list(request.upstream.nodes),
    upstream_status: (request) => list(request.upstream.statuses),
    upstream_header_time: (request) => seconds(request.upstream.headerMs),
    upstream_response_time: (request) => seconds(request.upstream.responseMs),
    upstream_response_length: (request) => String(request.upstream.bytesReceived),
    upstream_bytes_received: (request) => String(request.upstream.bytesReceived),
    balancer_ip: (request) => splitNode(request)[0],
    balancer_port: (request) => splitNode(request)[1],
    upstream_unresolved_host: (request) => request.upstream.lastName ?? splitNode(request)[0],

    msec: () => seconds(Date.now()),
    time_iso8601: () => isoTime(new Date()),
    time_local: () => logTime(new Date()),
  } satisfies Record<string, TextReader>),
)

/** Normalised path and received query: APISIX puts them in place of the raw target, lest rules on it be dodged. */
function normalizedTarget(request: RequestContext): string {
  const query = request.target.indexOf('?')
  return query === -1 ? request.path : request.path + request.target.slice(query)
}

function protocol(request: RequestContext): string {
  return request.httpVersion === '2' ? 'HTTP/2.0' : `HTTP/${request.httpVersion}`
}

function requestLine(request: RequestContext): string | undefined {
  // Refused before it could be read.
  if (request.method === '') return undefined
  return `${request.method} ${request.target} ${protocol(request)}`
}

function remoteUser(request: RequestContext): string | undefined {
  const authorization = fieldValue(request.headers, 'authorization')
  if (authorization === undefined || !/^basic /i.test(authorization)) return undefined
  const credentials = Buffer.from(authorization.slice('basic '.length), 'base64').toString()
  const colon = credentials.indexOf(':')
  return colon === -1 ? undefined : credentials.slice(0, colon)
}

function forwardedFor(request: RequestContext): string {
  const before = fieldValue(request.receivedHeaders, 'x-forwarded-for')
  const address = request.connection.remoteAddress
  return before === undefined ? address : `${before}, ${address}`
}

function seconds(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : (ms / 1000).toFixed(3)
}

function list(values: readonly (string | number)[]): string | undefined {
  return values.length === 0 ? undefined : values.join(', ')
}

/** Host and port of the node that was tried last. */
function splitNode(request: RequestContext): [string?, string?] {
  const node = request.upstream.nodes.at(-1)
  if (node === undefined) return []
  const colon = node.lastIndexOf(':')
  if (colon === -1) return [node]
  return [node.slice(0, colon).replace(/^\[|\]$/g, ''), node.slice(colon + 1)]
}
