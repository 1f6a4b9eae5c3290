import { ConfigError } from '../model/errors.ts'
import type { Timeout } from '../model/schemas/timeout.ts'
import { parseServiceName } from '../model/service-name.ts'
import { MAX_TIMER_MS } from '../support/max-timer.ts'
import type { CreatePicker } from '../upstream/balancer.ts'
import type { KeepAliveLimits } from '../upstream/client-pool.ts'
import { createConsistentHash } from '../upstream/consistent-hash.ts'
import { compileHashKey } from '../upstream/hash-key.ts'
import { createLeastConnections } from '../upstream/least-connections.ts'
import type { ServiceConfig } from '../upstream/node-set.ts'
import { createPeakEwma } from '../upstream/peak-ewma.ts'
import { createRoundRobin } from '../upstream/round-robin.ts'
import type { Timeouts } from '../upstream/timeouts.ts'
import type { TlsMaterial } from '../upstream/tls-context.ts'
import type { StoredUpstream } from './stored-objects.ts'

/** The fields of an upstream in APISIX's terms and units, made into ours. */

const MS_PER_SECOND = 1000
const DEFAULT_KEEPALIVE = { size: 320, idle_timeout: 60, requests: 1000 }
const DEFAULT_RETRY_BUDGET = { share: 0.2, min_per_second: 3 }

/** What matters here of an ssls object. */
export interface ClientCertificate {
  readonly type?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** Finds an ssls object by its id. */
export type CertificateLookup = (id: string) => ClientCertificate | undefined

export function pickerOf({
  type,
  hash_on: hashOn = 'vars',
  key = '',
}: StoredUpstream): CreatePicker {
  switch (type) {
    case 'chash': {
      const keyOf = compileHashKey({ hashOn, key })
      return (nodes) => createConsistentHash(nodes, keyOf)
    }
    case 'least_conn':
      return createLeastConnections
    case 'ewma':
      return (nodes) => createPeakEwma(nodes)
    default:
      return createRoundRobin
  }
}

/** Undefined: the connections that all upstreams share will do. */
export function keepAliveOf({ keepalive_pool: pool }: StoredUpstream): KeepAliveLimits | undefined {
  if (pool === undefined) return undefined
  const { size, idle_timeout: seconds, requests } = { ...DEFAULT_KEEPALIVE, ...pool }
  // 0: until the node closes it.
  const idleMs = seconds === 0 ? MAX_TIMER_MS : Math.max(1, toMs(seconds))
  return { maxIdle: size, idleMs, maxRequests: requests }
}

export function retryBudgetOf({ holdfast }: StoredUpstream) {
  const budget = holdfast?.retry_budget
  if (budget === undefined) return undefined
  const { share, min_per_second: minPerSecond } = { ...DEFAULT_RETRY_BUDGET, ...budget }
  return { share, minPerSecond }
}

/** The name in `service_name`, `host` or `host:port`, if DNS is to bring the nodes. */
export function serviceOf(
  { discovery_type: type, service_name: service }: StoredUpstream,
  defaultPort: number,
): ServiceConfig | undefined {
  if (type === undefined || service === undefined) return undefined
  if (type !== 'dns') {
    throw new ConfigError('GW_CONFIG_INVALID', `discovery_type ${type} is not supported: dns`)
  }
  return { ...parseServiceName(service), defaultPort }
}

/** Our own certificate for the nodes; `find` knows the ssls objects. */
export function clientCertificateOf(
  { tls }: StoredUpstream,
  find: CertificateLookup | undefined,
): TlsMaterial {
  if (tls?.client_cert_id === undefined) return { cert: tls?.client_cert, key: tls?.client_key }
  const id = String(tls.client_cert_id)
  const found = find?.(id)
  if (found === undefined) {
    const message = `client_cert_id refers to [${id}], which is not there`
    throw new ConfigError('GW_CONFIG_REFERENCE', message)
  }
  if (found.type !== 'client') {
    const message = `client_cert_id refers to [${id}], which is not of the type client`
    throw new ConfigError('GW_CONFIG_INVALID', message)
  }
  return { cert: found.cert, key: found.key }
}

export function timeoutsOf(timeout: Timeout | undefined): Timeouts | undefined {
  if (timeout === undefined) return undefined
  return {
    connectMs: toMs(timeout.connect),
    sendMs: toMs(timeout.send),
    readMs: toMs(timeout.read),
  }
}

/** APISIX counts in seconds. */
export function toMs(seconds: number): number {
  return Math.min(seconds * MS_PER_SECOND, MAX_TIMER_MS)
}
