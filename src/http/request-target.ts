import { isSameAuthority, isValidAuthority } from './host-header.ts'
import { REFUSALS, type Refusal } from './refusal.ts'
import type { RequestHead } from './request-head.ts'

const SLASH = 47

/**
 * Brings the target of a head to origin-form (RFC 9112 section 3.2). The authority of an
 * absolute-form replaces the Host header's, which must mean the same.
 */
export function reduceTarget(head: RequestHead): Refusal | undefined {
  const target = head.target
  if (head.method === 'CONNECT') return REFUSALS.connect
  if (target.charCodeAt(0) === SLASH) return checkPath(target)
  if (target === '*') return head.method === 'OPTIONS' ? undefined : REFUSALS.targetForm
  return reduceAbsoluteForm(head)
}

/** A backslash in a path is a slash to some nodes and a letter to others. */
function checkPath(target: string): Refusal | undefined {
  const backslash = target.indexOf('\\')
  if (backslash < 0) return undefined
  const query = target.indexOf('?')
  return query >= 0 && query < backslash ? undefined : REFUSALS.target
}

function reduceAbsoluteForm(head: RequestHead): Refusal | undefined {
  const match = /^(https?):\/\/([^/?]*)(.*)$/i.exec(head.target)
  if (match === null) return REFUSALS.targetForm
  const [, scheme = '', authority = '', rest = ''] = match
  if (!isValidAuthority(authority)) return REFUSALS.targetForm
  const defaultPort = scheme.length === 5 ? '443' : '80'
  if (head.hasHost && !isSameAuthority(authority, head.authority, defaultPort)) {
    return REFUSALS.hostMismatch
  }
  head.authority = authority
  // RFC 9112 section 3.2.4: OPTIONS without a path asks about the server as a whole.
  if (rest === '' && head.method === 'OPTIONS') head.target = '*'
  else head.target = rest.charCodeAt(0) === SLASH ? rest : `/${rest}`
  return checkPath(head.target)
}
