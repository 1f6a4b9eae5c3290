import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { getCACertificates } from 'node:tls'
import type { Static } from 'typebox'
import { Type } from '../model/schema-builder.ts'
import { choice, integer, setting, toInteger } from './setting.ts'

const MAX_TTL_MS = 86_400_000

/** How nodes are found, trusted and given up. Part of CATALOGUE. */
export const UPSTREAM_CATALOGUE = {
  HOLDFAST_UPSTREAM_ALL_DOWN: choice(['forward', '503'], 'forward'),
  HOLDFAST_UPSTREAM_CA_FILE: Type.Optional(
    setting({ allowed: 'a PEM file of certificates, or system', decode: decodeAuthorities }),
  ),
  HOLDFAST_SHOW_UPSTREAM_STATUS: choice(['errors', 'always'], 'errors'),
  HOLDFAST_DNS_RESOLVERS: setting({
    allowed: 'comma-separated IP addresses, each with a port or without (10.0.0.2, [fd00::2]:53)',
    default: '',
    decode: (text) => (text === '' ? [] : text.split(',').map(decodeResolver)),
  }),
  HOLDFAST_DNS_TIMEOUT_MS: integer({ default: 2_000, min: 50, max: 60_000, unit: 'milliseconds' }),
  HOLDFAST_DNS_MIN_TTL_MS: integer({
    default: 1_000,
    min: 100,
    max: MAX_TTL_MS,
    unit: 'milliseconds',
  }),
  HOLDFAST_DNS_MAX_TTL_MS: integer({
    default: 300_000,
    min: 100,
    max: MAX_TTL_MS,
    unit: 'milliseconds',
  }),
}

const SCHEMA = Type.Object(UPSTREAM_CATALOGUE)

/** What workers need of these settings. */
export function toUpstreamOptions(values: Static<typeof SCHEMA>) {
  return {
    /** Send to nodes that are down if all are, rather than answer 503. */
    forwardIfAllDown: values.HOLDFAST_UPSTREAM_ALL_DOWN === 'forward',
    /** PEM; undefined = those that Node trusts. */
    trustedCa: values.HOLDFAST_UPSTREAM_CA_FILE,
    /** X-APISIX-Upstream-Status on every response, not only where a node failed. */
    alwaysShowStatus: values.HOLDFAST_SHOW_UPSTREAM_STATUS === 'always',
  }
}

export function toDnsSettings(values: Static<typeof SCHEMA>) {
  const minTtlMs = values.HOLDFAST_DNS_MIN_TTL_MS
  return {
    /** Empty = those of /etc/resolv.conf. */
    servers: values.HOLDFAST_DNS_RESOLVERS,
    timeoutMs: values.HOLDFAST_DNS_TIMEOUT_MS,
    minTtlMs,
    maxTtlMs: Math.max(minTtlMs, values.HOLDFAST_DNS_MAX_TTL_MS),
  }
}

/** Read once, here: workers ask neither the disk nor the system later. */
function decodeAuthorities(text: string): readonly string[] {
  if (text === 'system') return getCACertificates('system')
  const pem = readFileSync(resolve(text), 'latin1')
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (found.length === 0) throw new Error('has no certificate in it')
  for (const certificate of found) new X509Certificate(certificate)
  return found
}

function decodeResolver(text: string): string {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text.trim()) ?? []
  const host = bracketed ?? plain ?? text.trim()
  if (isIP(host) === 0) throw new Error('has what is no IP address')
  if (port === undefined) return host
  toInteger(port, 1, 65_535)
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}
