import { ConfigError } from '../model/errors.ts'
import { parseParameters, type ReadParameters } from './uri-parameters.ts'

/** A configured uri, taken apart. */
export interface UriPattern {
  /** The uri as configured. */
  readonly uri: string
  /** False: the whole path must equal `literal`. True: it must start with it. */
  readonly isPrefix: boolean
  readonly literal: string
  /** For a `*` that is not at the end: decides whether what follows `literal` fits as well. */
  readonly fits: ((path: string) => boolean) | undefined
  /** Names of the parameters, and how to read them of a path that fits; undefined = it has none. */
  readonly names?: readonly string[]
  readonly read?: ReadParameters
}

/** Longest uri of a route. */
export const MAX_URI_LENGTH = 4096

/**
 * Takes a uri apart as lua-resty-radixtree does in APISIX's default mode: everything before the
 * first `*` is literal (`:` too, unless `withParameters`). What follows it counts only if a path
 * segment starts with `*`: then such segments stand for anything, slashes included. `/a/b*c`
 * therefore means `/a/b*`.
 */
export function parseUri(uri: string, withParameters = false): UriPattern {
  if (uri.length > MAX_URI_LENGTH) {
    throw new ConfigError('GW_CONFIG_INVALID', `uri is longer than ${MAX_URI_LENGTH} characters`)
  }
  if (!uri.isWellFormed() || (!uri.startsWith('/') && uri !== '*')) {
    throw new ConfigError(
      'GW_CONFIG_INVALID',
      `uri ${JSON.stringify(uri)} must start with / (or be * alone)`,
    )
  }
  const parameters = withParameters ? parseParameters(uri) : undefined
  if (parameters !== undefined) return parameters
  const star = uri.indexOf('*')
  if (star === -1) return { uri, isPrefix: false, literal: uri, fits: undefined }
  const literal = uri.slice(0, star)
  const hasMiddle = star < uri.length - 1 && /\/\*/.test(uri)
  return { uri, isPrefix: true, literal, fits: hasMiddle ? compileGlob(uri) : undefined }
}

/**
 * Matches pieces in order, each at its first chance: linear, where a regular expression with
 * several `.*` would be polynomial in a path that a client chose.
 */
function compileGlob(uri: string): (path: string) => boolean {
  const pieces = uri.replaceAll(/\/\*[^/]*/g, '/*').split(/\*+/)
  const head = pieces[0] ?? ''
  const tail = pieces.at(-1) ?? ''
  const middle = pieces.slice(1, -1)
  return function fits(path: string): boolean {
    const end = path.length - tail.length
    let at = head.length
    for (const piece of middle) {
      const found = path.indexOf(piece, at)
      if (found === -1) return false
      at = found + piece.length
    }
    return at <= end && path.endsWith(tail)
  }
}
