import { ConfigError } from '../model/errors.ts'
import { Type } from '../model/schema-builder.ts'
import type { RegexMatch } from '../support/regex/regex.ts'
import { compileTemplate, textsNeedBody } from '../support/variables/template.ts'
import { definePlugin, type RequestContext } from './contract.ts'
import { compilePair, substitute } from './rewriting/pattern-pair.ts'
import { compileRequestHeaders, RequestHeaders } from './rewriting/request-headers.ts'
import { encodeInvisible, encodePath } from './rewriting/uri-escapes.ts'

const METHODS = [
  'GET',
  'POST',
  'PUT',
  'HEAD',
  'DELETE',
  'OPTIONS',
  'MKCOL',
  'COPY',
  'MOVE',
  'PROPFIND',
  'LOCK',
  'UNLOCK',
  'PATCH',
  'TRACE',
]

const schema = Type.Object(
  {
    uri: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 4096,
        pattern: '^\\/.*',
        description: 'Path for the node, with variables; may have a query. Precedes `regex_uri`.',
      }),
    ),
    method: Type.Optional(Type.Enum(METHODS, { description: 'Method for the node.' })),
    regex_uri: Type.Optional(
      Type.Array(Type.String(), {
        minItems: 2,
        description: 'Patterns and replacements by turns; the first pattern that matches counts.',
      }),
    ),
    host: Type.Optional(
      Type.String({
        pattern: '^[0-9a-zA-Z-.]+(:\\d{1,5})?$',
        description: '`Host` for the node.',
      }),
    ),
    headers: Type.Optional(RequestHeaders),
    use_real_request_uri_unsafe: Type.Optional(
      Type.Boolean({
        description:
          'Start from the path and query as received, not normalised, and encode nothing.',
      }),
    ),
  },
  { additionalProperties: false },
)

/** Where the request goes: sets its path and query. Returns what a pattern of `regex_uri` found. */
type UriRewrite = (request: RequestContext) => RegexMatch | undefined

/** Changes what the node gets: path, query, method, host and header fields. */
export default definePlugin({
  name: 'proxy-rewrite',
  priority: 1_008,
  schema,

  create({ uri, regex_uri: pairs, method, host, headers, use_real_request_uri_unsafe: raw }) {
    if ([uri, pairs, method, host, headers, raw].every((one) => one === undefined)) {
      throw new ConfigError('GW_CONFIG_INVALID', 'there is nothing to rewrite')
    }
    const rewriteUri = compileUri(uri, pairs, raw === true)
    const changeHeaders = headers === undefined ? undefined : compileRequestHeaders(headers)

    return {
      readsBody: textsNeedBody([uri, pairs, headers]),
      rewrite(request) {
        if (host !== undefined) request.forwardHost = host
        const match = rewriteUri(request)
        changeHeaders?.(request, match)
        if (method !== undefined) request.method = method
        return undefined
      },
    }
  },
})

function compileUri(
  uri: string | undefined,
  pairs: readonly string[] | undefined,
  raw: boolean,
): UriRewrite {
  const byPattern = pairs === undefined ? undefined : compilePatterns(pairs, raw)
  if (uri !== undefined) return compileFixed(uri, raw)
  return byPattern ?? (raw ? () => undefined : normalise)
}

/** As in APISIX, a plugin that rewrites anything sends the normalised path on. */
function normalise(request: RequestContext): undefined {
  request.forwardPath = encodePath(request.path)
}

function compileFixed(uri: string, raw: boolean): UriRewrite {
  if (!uri.includes('$')) {
    const { path, query } = splitTarget(uri, raw)
    return (request) => forward(request, path, query)
  }
  const render = compileTemplate(uri, escapeSeparator)
  return (request) => {
    const { path, query } = splitTarget(render(request), raw)
    return forward(request, path, query)
  }
}

/** What a client sent begins no query. */
function escapeSeparator(value: string): string {
  return value.replaceAll('?', '%3F')
}

/** Puts the query of the rewritten uri, if it has one, before the client's. */
function forward(request: RequestContext, path: string, query: string | undefined): undefined {
  request.forwardPath = path
  if (query === undefined) return
  request.query = request.query === '' ? query : `${query}&${request.query}`
}

function compilePatterns(texts: readonly string[], raw: boolean): UriRewrite {
  const pairs = compilePairs(texts)
  return (request) => {
    const target = raw ? rawTarget(request) : request.path
    for (const { regex, replacement } of pairs) {
      const match = regex.exec(target)
      if (match === null) continue
      rewriteTo(request, substitute(target, match, replacement), raw)
      return match
    }
    return raw ? undefined : normalise(request)
  }
}

function compilePairs(texts: readonly string[]): ReturnType<typeof compilePair>[] {
  if (texts.length % 2 !== 0) {
    const message = 'The length of regex_uri should be an even number'
    throw new ConfigError('GW_CONFIG_INVALID', message)
  }
  const pairs: ReturnType<typeof compilePair>[] = []
  for (let i = 0; i < texts.length; i += 2) {
    const [pattern = '', replacement = ''] = texts.slice(i, i + 2)
    try {
      pairs.push(compilePair(pattern, replacement))
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      const message = `invalid regex_uri(${pattern}, ${replacement}): ${reason}`
      throw new ConfigError('GW_CONFIG_INVALID', message, { cause })
    }
  }
  return pairs
}

function rewriteTo(request: RequestContext, target: string, raw: boolean): void {
  if (raw) {
    const { path, query = '' } = splitTarget(target, true)
    request.forwardPath = path
    request.query = query
  } else if (request.path.includes('?')) {
    // The mark is one of the path's characters, and stays one.
    request.forwardPath = withSlash(encodePath(target))
  } else {
    const { path, query } = splitTarget(target, false)
    forward(request, path, query)
  }
}

/** Path and query as received; a query that a plugin changed is not taken back. */
function rawTarget(request: RequestContext): string {
  const { target, query } = request
  const mark = target.indexOf('?')
  const path = mark === -1 ? target : target.slice(0, mark)
  return latin1Escapes(query === '' ? path : `${path}?${query}`)
}

/** Raw bytes of a target arrive as latin1 characters. */
function latin1Escapes(target: string): string {
  return target.replaceAll(
    /[\x80-\xff]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function splitTarget(target: string, raw: boolean): { path: string; query: string | undefined } {
  const mark = target.indexOf('?')
  const path = mark === -1 ? target : target.slice(0, mark)
  return {
    path: withSlash(raw ? encodeInvisible(path) : encodePath(path)),
    query: mark === -1 ? undefined : encodeInvisible(target.slice(mark + 1)),
  }
}

/** A request line has a path. */
function withSlash(path: string): string {
  return path.startsWith('/') ? path : `/${path}`
}
