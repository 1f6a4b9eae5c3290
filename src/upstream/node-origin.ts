import { isIP } from 'node:net'

/** Where a node is and how it is spoken to. Equal keys share connections. */
export interface NodeOrigin {
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
  /** Name for SNI and, if `verify`, for the certificate. Only with https. */
  readonly servername: string | undefined
  readonly verify: boolean
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
  const tls = origin.scheme === 'https' ? `#${origin.servername ?? ''}#${origin.verify}` : ''
  return `${origin.scheme}://${addressOf(origin)}${tls}`
}

function bracketed(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host
}
