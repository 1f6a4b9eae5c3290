import { isIP } from 'node:net'
import type { TlsContext } from './tls-context.ts'

/** Where a node is and how it is spoken to. Equal keys share connections. */
export interface NodeOrigin {
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
  /** Name for SNI and, if `verify`, for the certificate. Only with https. */
  readonly servername: string | undefined
  readonly verify: boolean
  /** Own certificate and trusted authorities. Only with https. */
  readonly tls?: TlsContext | undefined
}

/** `host:port`, with brackets around an IPv6 address. */
export function addressOf({ host, port }: { host: string; port: number }): string {
  return `${bracketed(host)}:${port}`
}

/** Host header that names the node itself: with its port unless the scheme implies it. */
export function nodeHostHeader({ scheme, host, port }: NodeOrigin): string {
  const isStandard = port === (scheme === 'https' ? 443 : 80)
  return isStandard ? bracketed(host) : `${bracketed(host)}:${port}`
}

export function keyOf(origin: NodeOrigin): string {
  const { scheme, servername = '', verify, tls } = origin
  const peer = scheme === 'https' ? `#${servername}#${verify}#${tls?.id ?? ''}` : ''
  return `${scheme}://${addressOf(origin)}${peer}`
}

function bracketed(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host
}
