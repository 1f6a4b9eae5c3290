import type { Ajv } from 'ajv'
import envSchema from 'env-schema'
import type { Static, TObject, TProperties } from 'typebox'
import { ConfigError } from '../model/errors.ts'
import { CATALOGUE, ENV_FILE_VARIABLE, type SettingName } from './catalogue.ts'
import { type EnvFile, findEnvFile, NO_ENV_FILE, readEnvFile } from './env-file.ts'
import { halfSetFallback } from './fallback-settings.ts'
import { twoKeyrings } from './keyring-settings.ts'
import { formatListenAddress, type ListenAddress, listenersCollide } from './listen-address.ts'
import { nearestName } from './nearest-name.ts'
import { SETTING_KEYWORD, type SettingRule } from './setting.ts'

/** Where settings come from. */
export interface SettingsSource {
  /** Path given on the command line; then HOLDFAST_ENV_FILE, then the default places. */
  envFile?: string | undefined
  /** The environment; that of this process unless told. */
  env?: NodeJS.ProcessEnv
}

/** Some settings are not acceptable: one line for each problem. */
export class SettingsError extends ConfigError {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super('GW_SETTINGS_INVALID', problems.join('\n'))
    this.problems = problems
  }
}

export interface LoadedSettings<T> {
  values: T
  /** The file that was read, if there was one. */
  envFile: string | undefined
}

type Values = Record<string, unknown>

interface Given {
  text: string
  /** Where the text stands, in parentheses; empty for the process environment. */
  place: string
}

/**
 * Values of the settings in `schema`: process environment over file over defaults, an empty string
 * being as good as none. Throws SettingsError with every problem at once.
 */
export function loadSettings<P extends TProperties>(
  schema: TObject<P>,
  source: SettingsSource,
): LoadedSettings<Static<TObject<P>>> {
  const env = source.env ?? process.env
  const path = source.envFile || env[ENV_FILE_VARIABLE] || findEnvFile()
  const file: EnvFile = path === undefined ? NO_ENV_FILE : readEnvFile(path)
  const problems = [...file.problems, ...unknownNamesInFile(file, path ?? '')]
  const given = collectGiven(Object.keys(schema.properties), file, path ?? '', env)
  const values = decodeAll(schema, given, problems)
  if (problems.length === 0)
    problems.push(...sharedListeners(values), ...halfSetFallback(values), ...twoKeyrings(values))
  if (problems.length > 0) throw new SettingsError(problems)
  return { values: values as Static<TObject<P>>, envFile: path }
}

/** HOLDFAST_* names of the process environment that mean nothing here; worth a warning, no more. */
export function unknownSettingNames(env: NodeJS.ProcessEnv = process.env): string[] {
  return Object.keys(env).filter(
    (name) => name.startsWith('HOLDFAST_') && name !== ENV_FILE_VARIABLE && !isKnown(name),
  )
}

const MAX_SHOWN = 80

function isKnown(name: string): boolean {
  return Object.hasOwn(CATALOGUE, name)
}

function unknownNamesInFile({ entries }: EnvFile, path: string): string[] {
  const problems: string[] = []
  for (const [name, { line }] of entries) {
    if (isKnown(name)) continue
    const guess = nearestName(name, Object.keys(CATALOGUE))
    const hint = guess === undefined ? '' : `, perhaps ${guess} is meant`
    problems.push(
      name === ENV_FILE_VARIABLE
        ? `${name} (${path} line ${line}): allowed: only in the process environment`
        : `${name} (${path} line ${line}): unknown name${hint}; allowed: the names in conf/holdfast.env.example`,
    )
  }
  return problems
}

function collectGiven(
  names: string[],
  file: EnvFile,
  path: string,
  env: NodeJS.ProcessEnv,
): Map<string, Given> {
  const given = new Map<string, Given>()
  for (const name of names) {
    const entry = file.entries.get(name)
    // Node itself looks for --env-file behind the script's name too, and has then put the values
    // into the environment: those are the file's, with a line, and read by our rules.
    const fromEnv = entry && env[name] === file.asReadByNode[name] ? undefined : env[name]
    if (fromEnv) given.set(name, { text: fromEnv, place: '' })
    else if (entry?.value)
      given.set(name, { text: entry.value, place: ` (${path} line ${entry.line})` })
  }
  return given
}

/** What env-schema throws: Ajv's errors on an Error. */
interface EnvSchemaError extends Error {
  errors?: {
    keyword: string
    instancePath: string
    message?: string
    params: Record<string, string>
  }[]
}

function decodeAll(schema: TObject, given: Map<string, Given>, problems: string[]): Values {
  const data = Object.fromEntries([...given].map(([name, { text }]) => [name, text]))
  try {
    return envSchema({ schema, data, env: false, ajv: { customOptions: prepareAjv } })
  } catch (error) {
    const { errors } = error as EnvSchemaError
    if (errors === undefined) throw error
    for (const { keyword, instancePath, message, params } of errors) {
      const missing = keyword === 'required' ? params['missingProperty'] : undefined
      const name = missing ?? instancePath.slice(1)
      problems.push(describe(name, given.get(name), message ?? keyword))
    }
    return {}
  }
}

/** Two listeners of one process on one port: the second could not be opened. */
function sharedListeners(values: Values): string[] {
  const problems: string[] = []
  const earlier: { name: string; address: ListenAddress }[] = []
  for (const [name, value] of Object.entries(values)) {
    // Undefined: one that is turned off.
    if (!name.endsWith('_LISTEN') || value === undefined) continue
    for (const address of [value].flat() as ListenAddress[]) {
      const other = earlier.find((candidate) => listenersCollide(candidate.address, address))
      if (other !== undefined && other.name !== name) {
        const taken = formatListenAddress(address)
        problems.push(
          `${name}: ${taken} collides with ${other.name}; allowed: a port that no other listener has`,
        )
      }
      earlier.push({ name, address })
    }
  }
  return problems
}

function prepareAjv(ajv: Ajv): Ajv {
  // The code is run once: not worth to be made better.
  ajv.opts.code.optimize = 0
  return ajv.addKeyword(SETTING_KEYWORD)
}

/** One line: the name, the value unless it is a secret, where it stands, what is wrong, what is right. */
function describe(name: string, given: Given | undefined, reason: string): string {
  const { allowed, secret } = ruleOf(name)
  if (given === undefined) return `${name} is not set; allowed: ${allowed}`
  const { text, place } = given
  const shown = JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text)
  return `${name}${secret ? '' : `=${shown}`}${place}: ${reason}; allowed: ${allowed}`
}

function ruleOf(name: string): SettingRule<unknown> {
  // TypeBox hides further keywords from the type: setting() put it there.
  return (CATALOGUE[name as SettingName] as unknown as { setting: SettingRule<unknown> }).setting
}
