const DOT = 46

/**
 * Host of an authority (`Host` field or `:authority`): lower-case, without port and trailing dot.
 * IPv6 literals keep their brackets. The HTTP engine has already refused what is no authority.
 */
export function hostOf(authority: string): string {
  let end = authority.length
  const colon = authority.lastIndexOf(':')
  if (colon > authority.lastIndexOf(']')) end = colon
  if (end > 1 && authority.charCodeAt(end - 1) === DOT) end--
  return (end === authority.length ? authority : authority.slice(0, end)).toLowerCase()
}
