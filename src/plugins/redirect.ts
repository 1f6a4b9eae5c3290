import { ConfigError } from '../model/errors.ts'
import { Type } from '../model/schema-builder.ts'
import { fieldValue, toFieldValue } from '../support/header-fields.ts'
import { textsNeedBody } from '../support/variables/template.ts'
import { compileVariable } from '../support/variables/variable.ts'
import { definePlugin, type PluginHost, type RequestContext } from './contract.ts'
import { compilePair, type PatternPair, substitute } from './rewriting/pattern-pair.ts'
import { encodeBackslashes, encodeControls, encodePath } from './rewriting/uri-escapes.ts'

const HTTPS_PORT = 443

const schema = Type.Object(
  {
    ret_code: Type.Integer({
      minimum: 200,
      maximum: 599,
      default: 302,
      description: 'Status of the answer; `http_to_https` has its own.',
    }),
    uri: Type.Optional(
      Type.String({
        minLength: 2,
        pattern: '[^\\\\]',
        description: 'Where to, with variables as `$name`; `\\$` is a dollar sign.',
      }),
    ),
    regex_uri: Type.Optional(
      Type.Array(Type.String(), {
        minItems: 2,
        maxItems: 2,
        description: 'A pattern of paths, and where to; other paths are not redirected.',
      }),
    ),
    http_to_https: Type.Optional(
      Type.Boolean({ description: 'Redirect what came by HTTP: 301 for GET and HEAD, else 308.' }),
    ),
    encode_uri: Type.Boolean({ default: false, description: 'Encode the path in `Location`.' }),
    append_query_string: Type.Boolean({
      default: false,
      description: "Add the request's query to `Location`.",
    }),
  },
  { additionalProperties: false },
)

const metadataSchema = Type.Object(
  {
    https_port: Type.Optional(
      Type.Integer({ description: 'Port of the addresses that `http_to_https` makes.' }),
    ),
  },
  { additionalProperties: false },
)

/** Where a request is redirected to; undefined = it is not. */
type Destination = (request: RequestContext) => string | undefined

type Clean = (value: string) => string

/** Sends clients elsewhere. */
export default definePlugin({
  name: 'redirect',
  priority: 900,
  schema,
  metadataSchema,

  create(config, host) {
    checkChoice(config)
    const { ret_code: status, encode_uri: encodes, append_query_string: appends } = config
    if (config.http_to_https !== undefined) return config.http_to_https ? toHttps(host) : {}
    // What is encoded as a whole needs no escapes before.
    const clean = encodes ? (value: string) => value : encodeBackslashes
    const destination =
      config.uri === undefined
        ? compilePattern(config.regex_uri, clean)
        : compileUri(config.uri, clean)

    return {
      readsBody: textsNeedBody(config.uri),
      rewrite(request) {
        const uri = destination(request)
        if (uri === undefined) return undefined
        const mark = uri.indexOf('?')
        let location = encodes ? encoded(uri, mark) : uri
        if (appends && request.query !== '') location += (mark === -1 ? '?' : '&') + request.query
        return { status, headers: { Location: toFieldValue(encodeControls(location)) } }
      },
    }
  },
})

function checkChoice(config: {
  uri?: string
  regex_uri?: string[]
  http_to_https?: boolean
  append_query_string: boolean
}): void {
  const { uri, regex_uri: pattern, http_to_https: https, append_query_string: appends } = config
  const chosen = [uri, pattern, https].filter((one) => one !== undefined).length
  if (chosen !== 1) {
    throw refusal('exactly one of `uri`, `regex_uri` and `http_to_https` must be configured')
  }
  if (https === true && appends) {
    throw refusal('only one of `http_to_https` and `append_query_string` can be configured.')
  }
}

function toHttps(host: PluginHost): { rewrite(request: RequestContext): ReturnType<typeof moved> } {
  return {
    rewrite(request) {
      return schemeOf(request) === 'https'
        ? undefined
        : moved(request, host.metadata()['https_port'])
    },
  }
}

/** What a plugin put into X-Forwarded-Proto, else the scheme, in which only a trusted peer's word counts. */
function schemeOf({ headers, receivedHeaders, scheme }: RequestContext): string {
  const forwarded = fieldValue(headers, 'x-forwarded-proto')
  if (forwarded === undefined) return scheme
  return forwarded === fieldValue(receivedHeaders, 'x-forwarded-proto') ? scheme : forwarded
}

function moved(
  request: RequestContext,
  port: unknown,
): { status: number; headers: { Location: string } } | undefined {
  const { method, target, path, host } = request
  const mark = target.indexOf('?')
  const query = mark === -1 ? '' : target.slice(mark)
  const isShown = typeof port === 'number' && port > 0 && port <= 65_535 && port !== HTTPS_PORT
  const location = `https://${host}${isShown ? `:${port}` : ''}${encodeControls(encodeBackslashes(path))}${query}`
  const status = method === 'GET' || method === 'HEAD' ? 301 : 308
  return { status, headers: { Location: toFieldValue(location) } }
}

const SEGMENT = /\\\$\w+|\$\{([0-9a-zA-Z_]+)\}|\$([0-9a-zA-Z_]+)|\$|[^$\\]+/g

/** As in APISIX: a backslash before a variable makes it text (and stays), any other is dropped. */
function compileUri(uri: string, clean: Clean): Destination {
  const segments: Destination[] = Array.from(uri.matchAll(SEGMENT), (match) => {
    const name = match[1] ?? match[2]
    if (name === undefined) return () => match[0]
    const read = compileVariable(name)
    return (request) => clean(read(request) ?? '')
  })
  return (request) => {
    let result = ''
    for (const segment of segments) result += segment(request)
    return result
  }
}

function compilePattern(
  [pattern = '', replacement = '']: readonly string[] = [],
  clean: Clean,
): Destination {
  const { regex, replacement: render } = pairOf(pattern, replacement)
  return ({ path }) => {
    const match = regex.exec(path)
    return match === null ? undefined : clean(substitute(path, match, render))
  }
}

function pairOf(pattern: string, replacement: string): PatternPair {
  try {
    return compilePair(pattern, replacement)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw refusal(`invalid regex_uri (${pattern}, ${replacement}), err:${reason}`)
  }
}

function encoded(uri: string, mark: number): string {
  return mark === -1 ? encodePath(uri) : encodePath(uri.slice(0, mark)) + uri.slice(mark)
}

function refusal(message: string): ConfigError {
  return new ConfigError('GW_CONFIG_INVALID', message)
}
