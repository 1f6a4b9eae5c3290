import type { Static } from 'typebox'
import { ConfigError } from '../model/errors.ts'
import { Type } from '../model/schema-builder.ts'
import { fieldValue, setField } from '../support/header-fields.ts'
import { compileRegex } from '../support/regex/regex.ts'
import { definePlugin, type PluginHost, type RawHeaders } from './contract.ts'

const ORIGINS = '^(\\*|\\*\\*|null|\\w+://[^,]+(,\\w+://[^,]+)*)$'
const ALL_METHODS = 'GET,POST,PUT,DELETE,PATCH,HEAD,OPTIONS,CONNECT,TRACE'

const Patterns = Type.Array(Type.String({ minLength: 1, maxLength: 4096 }), {
  minItems: 1,
  uniqueItems: true,
})

const schema = Type.Object({
  allow_origins: Type.String({
    pattern: ORIGINS,
    default: '*',
    description: '`*`, `**` (whoever asks, also with credentials), `null`, or origins with commas.',
  }),
  allow_methods: Type.String({ default: '*', description: '`*`, `**`, or methods with commas.' }),
  allow_headers: Type.String({
    default: '*',
    description: '`*`, `**` (what is asked for), or names.',
  }),
  expose_headers: Type.Optional(Type.String({ description: 'Headers that scripts may read.' })),
  max_age: Type.Integer({
    default: 5,
    description: 'Seconds that a preflight is good for; -1: not.',
  }),
  allow_credential: Type.Boolean({ default: false, description: 'Excludes `*` everywhere.' }),
  allow_origins_by_regex: Type.Optional({
    ...Patterns,
    description: 'Patterns of allowed origins.',
  }),
  allow_origins_by_metadata: Type.Optional({
    ...Patterns,
    description: "Names of entries in `allow_origins` of the plugin's metadata.",
  }),
  timing_allow_origins: Type.Optional(
    Type.String({ pattern: ORIGINS, description: 'Origins that may see timings.' }),
  ),
  timing_allow_origins_by_regex: Type.Optional(Patterns),
})

const metadataSchema = Type.Object({
  allow_origins: Type.Optional(Type.Record(Type.String(), Type.String({ pattern: ORIGINS }))),
})

/** The value for an Allow-Origin header, if the origin is allowed. */
type OriginRule = (origin: string | undefined) => string | undefined

/** Lets browsers' scripts of other origins in, as far as configured; answers their preflights. */
export default definePlugin({
  name: 'cors',
  priority: 4_000,
  schema,
  metadataSchema,

  create(config, host) {
    checkCredential(config)
    const { allow_origins: origins, allow_origins_by_metadata: names } = config
    const configured = compileRule(origins, config.allow_origins_by_regex)
    const ownOrigins = names === undefined || origins !== '*' ? configured : () => undefined
    const timing = compileTiming(config)

    const listedRules = names === undefined ? () => [] : createListedRules(names, host)

    function allowedOrigin(origin: string | undefined): string | undefined {
      const own = ownOrigins(origin)
      if (own !== undefined) return own
      return listedRules().some((rule) => rule(origin) !== undefined) ? origin : undefined
    }

    return {
      rewrite(request) {
        return request.method === 'OPTIONS' ? { status: 200 } : undefined
      },

      headerFilter(request, { headers }) {
        const origin = fieldValue(request.receivedHeaders, 'origin')
        if (origins !== '*' || names !== undefined || config.allow_origins_by_regex !== undefined) {
          headers.push('Vary', 'Origin')
        }
        const allowed = allowedOrigin(origin)
        if (allowed !== undefined) {
          const asked = fieldValue(request.receivedHeaders, 'access-control-request-headers')
          setAccess(headers, config, allowed, asked)
        }
        const timingOrigin = timing(origin)
        if (timingOrigin !== undefined) setField(headers, 'Timing-Allow-Origin', timingOrigin)
      },
    }
  },
})

type Config = Static<typeof schema>

function checkCredential(config: Config): void {
  if (!config.allow_credential) return
  const { allow_origins, allow_methods, allow_headers, expose_headers, timing_allow_origins } =
    config
  const all = [allow_origins, allow_methods, allow_headers, expose_headers, timing_allow_origins]
  if (!all.includes('*')) return
  const message = "you can not set '*' for other option when 'allow_credential' is true"
  throw new ConfigError('GW_CONFIG_INVALID', message)
}

function compileRule(origins: string, patterns: readonly string[] | undefined): OriginRule {
  return patterns === undefined ? compileOrigins(origins) : compilePatterns(patterns)
}

/** The rules that the metadata has under these names now. */
function createListedRules(names: readonly string[], host: PluginHost): () => OriginRule[] {
  let metadata: unknown
  let rules: OriginRule[] = []
  return () => {
    const current = host.metadata()
    if (current !== metadata) {
      metadata = current
      const { allow_origins: entries = {} } = current as Static<typeof metadataSchema>
      rules = names.flatMap((name) =>
        Object.hasOwn(entries, name) ? compileOrigins(entries[name] as string) : [],
      )
    }
    return rules
  }
}

function compileOrigins(origins: string): OriginRule {
  if (origins === '**') return (origin) => origin ?? '*'
  if (origins === '*') return () => '*'
  const list = new Set(origins.split(','))
  return (origin) => (origin !== undefined && list.has(origin) ? origin : undefined)
}

function compilePatterns(patterns: readonly string[]): OriginRule {
  const compiled = patterns.map((pattern) => compileRegex(pattern))
  return (origin) =>
    origin !== undefined && compiled.some((pattern) => pattern.test(origin)) ? origin : undefined
}

function compileTiming({ timing_allow_origins: origins, ...config }: Config): OriginRule {
  const patterns = config.timing_allow_origins_by_regex
  if (origins === undefined && patterns === undefined) return () => undefined
  return compileRule(origins ?? '*', patterns)
}

function setAccess(
  headers: RawHeaders,
  config: Config,
  origin: string,
  askedHeaders: string | undefined,
): void {
  const { allow_methods: methods, allow_headers: names, expose_headers: exposed } = config
  setField(headers, 'Access-Control-Allow-Origin', origin)
  setField(headers, 'Access-Control-Allow-Methods', methods === '**' ? ALL_METHODS : methods)
  setField(headers, 'Access-Control-Max-Age', String(config.max_age))
  if (exposed) setField(headers, 'Access-Control-Expose-Headers', exposed)
  const allowedNames = names === '**' ? askedHeaders : names
  if (allowedNames !== undefined) setField(headers, 'Access-Control-Allow-Headers', allowedNames)
  if (config.allow_credential) setField(headers, 'Access-Control-Allow-Credentials', 'true')
}
