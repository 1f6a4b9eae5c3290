import { isIP } from 'node:net'

/** Server name (SNI) of a host or authority; addresses are not names (RFC 6066, section 3). */
export function serverNameOf(authority: string): string | undefined {
  const name = authority.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase()
  const isAddress = isIP(name) !== 0 || name.startsWith('[') || isIP(authority) !== 0
  return name === '' || isAddress || !NAME.test(name) ? undefined : name
}

/** What a TLS library takes for a name; anything else would end the connection with an exception. */
const NAME = /^[a-z0-9._-]{1,253}$/
