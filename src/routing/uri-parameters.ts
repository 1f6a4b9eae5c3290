import { compileRegex } from '../support/regex/regex.ts'
import type { UriPattern } from './uri-pattern.ts'

/** Values of the parameters of a uri, in the order of their names; undefined = the path does not fit. */
export type ReadParameters = (path: string) => readonly string[] | undefined

/** Name of a `*` without one, as in lua-resty-radixtree. */
const NAMELESS = ':ext'
const SYNTAX = /[\\^$.*+?()[\]{}|]/g

/**
 * Takes a uri apart as lua-resty-radixtree does for `radixtree_uri_with_parameter`: a segment
 * `:name` stands for one segment that is not empty, a segment `*name` for anything, slashes
 * included. What stands before the first of them is the literal prefix; a `*` elsewhere ends the uri.
 * Undefined = it has no parameter worth reading.
 */
export function parseParameters(uri: string): UriPattern | undefined {
  const segments = uri.split('/')
  const first = segments.findIndex(isParameter)
  const star = uri.indexOf('*')
  const literal = `${segments.slice(0, first).join('/')}/`
  // Nothing to read, or only what comes after a prefix; or, as in `/a*/:id`, the prefix ends earlier.
  if (first < 1 || uri === `${literal}*`) return undefined
  if (star !== -1 && star < literal.length) return undefined
  const names = segments.filter(isParameter).map(nameOf)
  const read = hasStarInside(segments) ? compileAny(segments) : compileSegments(segments)
  return { uri, isPrefix: true, literal, fits: (path) => read(path) !== undefined, names, read }
}

function isParameter(segment: string): boolean {
  return segment.startsWith(':') || segment.startsWith('*')
}

function nameOf(segment: string): string {
  return segment.slice(1) || (segment.startsWith('*') ? NAMELESS : '')
}

/** True if a `*` stands anywhere but at the start of the last segment. */
function hasStarInside(segments: readonly string[]): boolean {
  return segments.some(
    (segment, i) => segment.indexOf('*', i === segments.length - 1 ? 1 : 0) !== -1,
  )
}

/** The usual uri: parameters of one segment each, and perhaps a tail. */
function compileSegments(segments: readonly string[]): ReadParameters {
  const hasTail = segments.at(-1)?.startsWith('*') === true
  const fixed = hasTail ? segments.slice(0, -1) : segments
  return (path) => {
    const parts = path.split('/')
    const hasLength = hasTail ? parts.length > fixed.length : parts.length === fixed.length
    if (!hasLength || !fixed.every((segment, i) => fitsSegment(segment, parts[i]))) return undefined
    const values = parts.filter((_, i) => fixed[i]?.startsWith(':') === true)
    if (hasTail) values.push(parts.slice(fixed.length).join('/'))
    return values
  }
}

function fitsSegment(segment: string, part: string | undefined): boolean {
  return segment.startsWith(':') ? part !== '' : part === segment
}

/** A uri with a `*` in its midst: the same pattern as lua-resty-radixtree's, in linear time. */
function compileAny(segments: readonly string[]): ReadParameters {
  const parts = segments.map((segment) => {
    if (segment.startsWith(':')) return '([^/]+)'
    if (segment.startsWith('*')) return '((?:.|\\n)*)'
    // `*` at the end of a literal segment: what follows does not matter any more.
    return segment.replaceAll(SYNTAX, (sign) => (sign === '*' ? '(?:.|\\n)*' : `\\${sign}`))
  })
  const regex = compileRegex(`^${parts.join('/')}$`)
  return (path) => {
    const match = regex.exec(path)
    return match === null ? undefined : Array.from(match, (value) => value ?? '').slice(1)
  }
}
