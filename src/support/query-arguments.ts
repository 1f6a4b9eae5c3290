/** A name or value of a query, decoded. Undecodable escapes stay as they are: a query is data, not a path. */
export function decodeArgument(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}

/** The raw query without all arguments of that (decoded) name; the others stay byte for byte. */
export function withoutArgument(query: string, name: string): string {
  const parts = query.split('&').filter((part) => {
    const equals = part.indexOf('=')
    return decodeArgument(equals === -1 ? part : part.slice(0, equals)) !== name
  })
  return parts.join('&')
}

/** The value of an argument; of one that is given several times, an empty text that nothing takes for a secret. */
export function onlyValue(
  args: ReadonlyMap<string, readonly string[]>,
  name: string,
): string | undefined {
  const values = args.get(name)
  return values === undefined || values.length === 1 ? values?.[0] : ''
}
