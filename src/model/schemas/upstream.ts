import type { Static } from 'typebox'
import { Type } from '../schema-builder.ts'
import { checkCertificate } from './certificate.ts'
import { CertificatePem, Host, Id, METADATA, PrivateKeyPem } from './fragments.ts'
import { checkHealthCheck, HealthCheck } from './health-check.ts'
import { Timeout } from './timeout.ts'
import { UpstreamHoldfast } from './upstream-holdfast.ts'
import { checkNodes, Nodes } from './upstream-nodes.ts'

const closed = { additionalProperties: false }

const Tls = Type.Object(
  {
    client_cert_id: Type.Optional(Id),
    client_cert: Type.Optional(CertificatePem),
    client_key: Type.Optional(PrivateKeyPem),
    verify: Type.Boolean({ default: false }),
  },
  closed,
)

const KeepalivePool = Type.Object(
  {
    size: Type.Integer({ minimum: 1, default: 320 }),
    /** Seconds. */
    idle_timeout: Type.Number({ minimum: 0, default: 60 }),
    requests: Type.Integer({ minimum: 1, default: 1000 }),
  },
  closed,
)

/** A set of nodes and how to choose among them. */
export const Upstream = Type.Object(
  {
    ...METADATA,
    nodes: Type.Optional(Nodes),
    /** Without one, the number of the other nodes, but 4 at most. */
    retries: Type.Optional(Type.Integer({ minimum: 0 })),
    /** Seconds; 0 = no limit. */
    retry_timeout: Type.Optional(Type.Number({ minimum: 0 })),
    timeout: Type.Optional(Timeout),
    tls: Type.Optional(Tls),
    keepalive_pool: Type.Optional(KeepalivePool),
    type: Type.Enum(['roundrobin', 'chash', 'ewma', 'least_conn'], {
      type: 'string',
      default: 'roundrobin',
    }),
    checks: Type.Optional(HealthCheck),
    hash_on: Type.Enum(['vars', 'header', 'cookie', 'consumer', 'vars_combinations'], {
      type: 'string',
      default: 'vars',
    }),
    key: Type.Optional(Type.String()),
    scheme: Type.Enum(['grpc', 'grpcs', 'http', 'https', 'tcp', 'tls', 'udp', 'kafka'], {
      type: 'string',
      default: 'http',
    }),
    discovery_type: Type.Optional(Type.String()),
    /** Further arguments belong to the discovery in question. */
    discovery_args: Type.Optional(
      Type.Object({
        namespace_id: Type.Optional(Type.String()),
        group_name: Type.Optional(Type.String()),
      }),
    ),
    pass_host: Type.Enum(['pass', 'node', 'rewrite'], { type: 'string', default: 'pass' }),
    upstream_host: Type.Optional(Host),
    service_name: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    holdfast: Type.Optional(UpstreamHoldfast),
  },
  closed,
)
export type Upstream = Static<typeof Upstream>

/** Rules between fields that the schema cannot word; returns what is wrong. */
export function checkUpstream(upstream: Upstream): string | undefined {
  return (
    checkSource(upstream) ??
    (upstream.nodes && checkNodes(upstream.nodes)) ??
    checkPassHost(upstream) ??
    checkTls(upstream) ??
    checkHashKey(upstream) ??
    (upstream.checks && checkHealthCheck(upstream.checks)) ??
    checkSlowStart(upstream)
  )
}

function checkSource({ nodes, service_name, discovery_type }: Upstream): string | undefined {
  if (nodes !== undefined) {
    return service_name !== undefined && discovery_type !== undefined
      ? 'only one of nodes or service_name with discovery_type is allowed'
      : undefined
  }
  if (service_name === undefined && discovery_type === undefined) {
    return 'property "nodes" is required (or "service_name" with "discovery_type")'
  }
  if (service_name === undefined) {
    return 'property "service_name" is required with "discovery_type"'
  }
  if (discovery_type === undefined) {
    return 'property "discovery_type" is required with "service_name"'
  }
  return undefined
}

function checkSlowStart({ checks, holdfast }: Upstream): string | undefined {
  if (holdfast?.slow_start === undefined) return undefined
  return checks === undefined && holdfast.outlier_ejection === undefined
    ? 'property "holdfast" validation failed: "slow_start" needs "checks" or "outlier_ejection": no node ever comes back without them'
    : undefined
}

function checkPassHost({ pass_host, upstream_host }: Upstream): string | undefined {
  return pass_host === 'rewrite' && upstream_host === undefined
    ? "`upstream_host` can't be empty when `pass_host` is `rewrite`"
    : undefined
}

function checkTls({ tls }: Upstream): string | undefined {
  if (!tls) return undefined
  const { client_cert: cert, client_key: key, client_cert_id: id } = tls
  if (cert === undefined && key === undefined) return undefined
  const field = 'property "tls" validation failed: '
  if (id !== undefined && cert !== undefined && key !== undefined) {
    return `${field}only one of client_cert_id or client_cert with client_key is allowed`
  }
  if (cert === undefined) return `${field}property "client_cert" is required with "client_key"`
  if (key === undefined) return `${field}property "client_key" is required with "client_cert"`
  const problem = checkCertificate(
    { name: 'client_cert', pem: cert },
    { name: 'client_key', pem: key },
  )
  return problem && `${field}${problem}`
}

/** Variables that `hash_on: vars` can hash. */
const HASH_VARIABLE =
  /^(?:uri|server_name|server_addr|request_uri|remote_port|remote_addr|query_string|host|hostname|mqtt_client_id|arg_[0-9a-zA-Z_-]+)$/
const FIELD_NAME = /^[a-zA-Z0-9_-]+$/

function checkHashKey({ type, hash_on, key }: Upstream): string | undefined {
  if (type !== 'chash' || hash_on === 'consumer') return undefined
  if (key === undefined) {
    return 'missing key: property "key" is required when "type" is "chash" and "hash_on" is not "consumer"'
  }
  if (hash_on === 'vars' && !HASH_VARIABLE.test(key)) {
    return 'property "key" validation failed: expected a variable: uri, server_name, server_addr, request_uri, remote_port, remote_addr, query_string, host, hostname, mqtt_client_id or arg_NAME'
  }
  if ((hash_on === 'header' || hash_on === 'cookie') && !FIELD_NAME.test(key)) {
    return `property "key" validation failed: expected a ${hash_on} name of a-z A-Z 0-9 "-" "_"`
  }
  return undefined
}
