import { isIP, isIPv4, isIPv6 } from 'node:net'
import { Ajv, type Options, type ValidateFunction } from 'ajv'
import type { TSchema } from 'typebox'
import { ConfigError } from '../model/errors.ts'
import type { ResourceKind } from '../model/resource-kind.ts'
import { checkLuaOnly } from '../model/schemas/lua-only.ts'
import type { PluginMetadata } from '../model/schemas/plugin-metadata.ts'
import type { PluginLookup } from '../model/schemas/plugin-schemas.ts'
import { RESOURCE_SHAPES, type ResourceOf } from '../model/schemas/resource-schemas.ts'
import { checkExpression } from './expression/expression.ts'
import { copyJson, findUnsafeJson } from './unsafe-json.ts'
import { checkMetadata, checkPlugins, type PluginChecks } from './validate-plugins.ts'
import { describeAt, describeFailure } from './validation-reason.ts'

/** A valid object with its defaults filled in, or the reason why it is none. */
type Decoded<T> = { ok: true; value: T } | { ok: false; reason: string }

/** Turns what a client, a backup or the database says into objects of the model. */
export interface ResourceValidator {
  /** Never changes `body`; the value is a copy. */
  decode<K extends ResourceKind>(kind: K, body: unknown): Decoded<ResourceOf<K>>
}

/** Compiles a schema; the validator fills defaults into the object it is given. */
type CompileSchema = (schema: TSchema) => ValidateFunction

const OPTIONS: Options = {
  strict: true,
  // Ids and "string or object" fields have several types on purpose.
  allowUnionTypes: true,
  useDefaults: true,
  // Takes a third of the time to compile, and what it makes is no faster.
  code: { optimize: false },
  // Gives `parentSchema`, and with it the words of `expected`, to the errors.
  verbose: true,
  formats: { ipv4: isIPv4, ipv6: isIPv6, 'client-address': isClientAddress },
  keywords: [{ keyword: 'expected', schemaType: 'string' }],
}

const ajv = new Ajv(OPTIONS)
/** Finds everything that is wrong and not just the first; made at first use. */
let thorough: Ajv | undefined

const compile: CompileSchema = (schema) => ajv.compile(schema)

/** Plugins may be anybody's: what their schemas say is taken as JSON Schema has it. */
const LENIENT: Options = { ...OPTIONS, strict: false }
const lenient = new Ajv(LENIENT)

const compileOfPlugin: CompileSchema = (schema) => guarded(() => lenient.compile(schema))

const compileThorough: CompileSchema = (schema) => {
  thorough ??= new Ajv({ ...LENIENT, allErrors: true })
  const ajvOfAll = thorough
  return guarded(() => ajvOfAll.compile(schema))
}

/** A schema that is none must not end the process that meets it: it refuses everything, and says why. */
function guarded(compileSchema: () => ValidateFunction): ValidateFunction {
  try {
    return compileSchema()
  } catch (error) {
    const message = `the schema of plugin is none: ${error instanceof Error ? error.message : error}`
    const refuseAll = (() => false) as unknown as ValidateFunction
    refuseAll.errors = [
      { keyword: 'schema', instancePath: '', schemaPath: '', params: {}, message },
    ]
    return refuseAll
  }
}

const validators = new Map<ResourceKind, ValidateFunction>()

/** Compiled at first use, up to 90 ms each: most processes need few of them. */
function validatorOf(kind: ResourceKind): ValidateFunction {
  let validate = validators.get(kind)
  if (validate === undefined) {
    validate = compile(RESOURCE_SHAPES[kind].schema)
    validators.set(kind, validate)
  }
  return validate
}

/** A validator that knows the plugins `findPlugin` finds; every other name is refused. */
export function createResourceValidator(findPlugin: PluginLookup): ResourceValidator {
  const plugins = { findPlugin, compile: compileOfPlugin, compileThorough }

  function decode<K extends ResourceKind>(kind: K, body: unknown): Decoded<ResourceOf<K>> {
    const unsafe = findUnsafeJson(body)
    if (unsafe) return refuse(describeAt(body, unsafe.path, unsafe.problem))
    const value = copyJson(body) as ResourceOf<K>
    const reason =
      checkLua(kind, value) ??
      checkSchema(kind, value) ??
      RESOURCE_SHAPES[kind].checkRules?.(value) ??
      checkConditions(kind, value) ??
      checkPluginParts(kind, value, plugins)
    return reason === undefined ? { ok: true, value } : { ok: false, reason }
  }

  return { decode }
}

const withoutPlugins = createResourceValidator(() => undefined)

/** What is wrong with an object, naming the field and what is allowed; undefined = valid. Knows no plugins. */
export function validateResource(kind: ResourceKind, body: unknown): string | undefined {
  const decoded = withoutPlugins.decode(kind, body)
  return decoded.ok ? undefined : decoded.reason
}

/**
 * A copy of the object with all defaults filled in. Knows no plugins.
 * @throws ConfigError when the object is not valid
 */
export function withDefaults<K extends ResourceKind>(kind: K, body: unknown): ResourceOf<K> {
  const decoded = withoutPlugins.decode(kind, body)
  if (!decoded.ok) throw new ConfigError('GW_CONFIG_INVALID', decoded.reason)
  return decoded.value
}

function refuse(problem: string): { ok: false; reason: string } {
  return { ok: false, reason: `invalid configuration: ${problem}` }
}

function checkSchema(kind: ResourceKind, value: unknown): string | undefined {
  const validate = validatorOf(kind)
  if (validate(value)) return undefined
  return `invalid configuration: ${describeFailure(value, validate.errors ?? [])}`
}

function checkLua(kind: ResourceKind, value: unknown): string | undefined {
  // A plugin's metadata may well have a field called `script`.
  if (kind === 'plugin_metadata' || value === null || typeof value !== 'object') return undefined
  return checkLuaOnly(value)
}

/** Conditions are compiled to be checked: patterns and addresses in them too. */
function checkConditions(kind: ResourceKind, value: object): string | undefined {
  if (kind !== 'routes') return undefined
  const { vars } = value as ResourceOf<'routes'>
  const problem = vars && checkExpression(vars)
  return problem && `failed to validate the 'vars' expression: ${problem}`
}

function checkPluginParts(
  kind: ResourceKind,
  value: object,
  plugins: PluginChecks,
): string | undefined {
  return kind === 'plugin_metadata'
    ? checkMetadata(value as PluginMetadata, plugins)
    : checkPlugins(kind, value, plugins)
}

function isClientAddress(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  // Node takes `fe80::1%eth0` for an address; no peer address is ever compared with a zone.
  const family = address.includes('%') ? 0 : isIP(address)
  if (family === 0 || rest.length > 0) return false
  if (prefix === undefined) return true
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128)
}
