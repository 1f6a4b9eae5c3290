import type { Static } from 'typebox'
import { Type } from '../model/schema-builder.ts'
import { parseSchedule } from '../support/schedule.ts'
import { choice, setting } from './setting.ts'

const BUCKET_NAME = /^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i
/** S3-compatible stores want some region in the signature, and most do not care which. */
const REGION_OF_ENDPOINTS = 'us-east-1'

function printable(what: string, secret = false) {
  return Type.Optional(
    setting({
      allowed: what,
      secret,
      decode(text) {
        if (!/^[!-~]{1,512}$/.test(text)) throw new Error('has a space or a character not ASCII')
        return text
      },
    }),
  )
}

function bucket() {
  return Type.Optional(
    setting({
      allowed: 'name of a bucket: 3 to 63 letters, digits, dots, hyphens and underscores',
      decode(text) {
        if (!BUCKET_NAME.test(text)) throw new Error('not a name of a bucket')
        return text
      },
    }),
  )
}

/** Settings of the copy of the configuration in S3. Without any of them there is none. */
export const FALLBACK_CATALOGUE = {
  HOLDFAST_FALLBACK_S3_ENDPOINT: Type.Optional(
    setting({ allowed: 'http:// or https:// URL without a path', decode: decodeEndpoint }),
  ),
  HOLDFAST_FALLBACK_S3_REGION: printable('name of a region'),
  HOLDFAST_FALLBACK_S3_ACCESS_KEY: printable('id of an access key', true),
  HOLDFAST_FALLBACK_S3_SECRET_KEY: printable('secret of the access key', true),
  HOLDFAST_FALLBACK_S3_CONFIG_BUCKET: bucket(),
  HOLDFAST_FALLBACK_S3_RESOURCE_BUCKET: bucket(),
  HOLDFAST_FALLBACK_S3_FORCE_PATH_STYLE: choice(['auto', 'true', 'false'], 'auto'),
  HOLDFAST_FALLBACK_S3_CRON_SPEC: setting({
    allowed: '@every with a duration from 1s on, or five cron fields (UTC)',
    default: '@every 1m',
    decode: parseSchedule,
  }),
}

type FallbackName = keyof typeof FALLBACK_CATALOGUE

type FallbackValues = { [N in FallbackName]: Static<(typeof FALLBACK_CATALOGUE)[N]> }

export type FallbackSettings = NonNullable<ReturnType<typeof toFallbackSettings>>

/** Those that have no default: one of them says that a fallback is wanted. */
const SWITCHES: readonly FallbackName[] = [
  'HOLDFAST_FALLBACK_S3_ENDPOINT',
  'HOLDFAST_FALLBACK_S3_REGION',
  'HOLDFAST_FALLBACK_S3_ACCESS_KEY',
  'HOLDFAST_FALLBACK_S3_SECRET_KEY',
  'HOLDFAST_FALLBACK_S3_CONFIG_BUCKET',
  'HOLDFAST_FALLBACK_S3_RESOURCE_BUCKET',
]

/** The settings of the fallback; undefined when there is to be none. */
export function toFallbackSettings(values: Partial<FallbackValues>) {
  if (!isWanted(values)) return undefined
  const of = <N extends FallbackName>(name: N) => values[name]
  const endpoint = of('HOLDFAST_FALLBACK_S3_ENDPOINT')
  const accessKeyId = of('HOLDFAST_FALLBACK_S3_ACCESS_KEY')
  const secretAccessKey = of('HOLDFAST_FALLBACK_S3_SECRET_KEY')
  const style = of('HOLDFAST_FALLBACK_S3_FORCE_PATH_STYLE')
  return {
    /** Undefined: that of AWS. */
    endpoint,
    region: of('HOLDFAST_FALLBACK_S3_REGION') ?? REGION_OF_ENDPOINTS,
    /** Undefined: those that the AWS SDK finds by itself (instance role, environment, profile). */
    credentials:
      accessKeyId !== undefined && secretAccessKey !== undefined
        ? { accessKeyId, secretAccessKey }
        : undefined,
    configBucket: of('HOLDFAST_FALLBACK_S3_CONFIG_BUCKET') ?? '',
    resourceBucket: of('HOLDFAST_FALLBACK_S3_RESOURCE_BUCKET') ?? '',
    /** Few stores other than AWS have a host name for each bucket. */
    forcePathStyle: style === 'true' || (style !== 'false' && endpoint !== undefined),
    schedule: of('HOLDFAST_FALLBACK_S3_CRON_SPEC') ?? { everyMs: 60_000 },
  }
}

/** One line for each setting that is missing beside those that are given. */
export function halfSetFallback(values: Partial<FallbackValues>): string[] {
  const given = SWITCHES.find((name) => values[name] !== undefined)
  if (given === undefined) return []
  const needed: FallbackName[] = [
    'HOLDFAST_FALLBACK_S3_RESOURCE_BUCKET',
    'HOLDFAST_FALLBACK_S3_CONFIG_BUCKET',
  ]
  if (values.HOLDFAST_FALLBACK_S3_ENDPOINT === undefined) needed.push('HOLDFAST_FALLBACK_S3_REGION')
  const [id, secret] = [
    'HOLDFAST_FALLBACK_S3_ACCESS_KEY',
    'HOLDFAST_FALLBACK_S3_SECRET_KEY',
  ] as const
  if (values[secret] !== undefined) needed.push(id)
  if (values[id] !== undefined) needed.push(secret)
  return needed
    .filter((name) => values[name] === undefined)
    .map((name) => `${name} is not set, but ${given} is; allowed: both, or neither`)
}

function isWanted(values: Partial<FallbackValues>): boolean {
  return SWITCHES.some((name) => values[name] !== undefined)
}

function decodeEndpoint(text: string): string {
  const url = URL.parse(text)
  if (url === null) throw new Error('not a URL')
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new Error('not HTTP')
  // Logged and shown: credentials have settings of their own.
  if (url.username !== '' || url.password !== '') throw new Error('has credentials in it')
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') throw new Error('has a path')
  return url.origin
}
