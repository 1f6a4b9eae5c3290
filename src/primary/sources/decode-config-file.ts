import { ConfigError } from '../../model/errors.ts'
import { isResourceKind, RESOURCE_KINDS, type ResourceBody } from '../../model/resource-kind.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import { fillInText, fillInValue } from '../../support/environment-texts.ts'
import { addCollection, parseJson } from './decode-snapshot.ts'

/** Collections of APISIX that are not served. */
const NOT_SERVED = new Set(['plugins'])
const END_MARK = /(?:^|\n)[ \t]*#END\s*$/

/** What a file says, whatever wrote it. */
export interface ConfigFileContent {
  collections: Omit<Snapshot, '_meta'>
  /** What the file says of itself, if it is one of our snapshots. */
  meta: unknown
  /** Collections that were left out. */
  ignored: string[]
}

/**
 * Reads a snapshot or an APISIX standalone file: YAML when its name says so, otherwise JSON. Puts
 * environment variables in place of `${{NAME}}`.
 * @throws ConfigError naming what is wrong.
 */
export async function decodeConfigFile(
  bytes: Buffer,
  path: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<ConfigFileContent> {
  const isYaml = /\.ya?ml$/i.test(path)
  const value = isYaml ? await parseYaml(bytes, environment) : fillIn(parseJson(bytes), environment)
  const content: ConfigFileContent = { collections: {}, meta: value['_meta'], ignored: [] }
  for (const [name, objects] of Object.entries(value)) {
    if (isResourceKind(name)) {
      // An empty list is written as nothing in YAML.
      addCollection(content.collections, name, objects ?? [])
    } else if (NOT_SERVED.has(name)) content.ignored.push(name)
    else if (!isMetadata(name)) throw invalid(`${JSON.stringify(name)} is not a collection`)
  }
  for (const bodies of Object.values(content.collections)) {
    for (const [n, body] of bodies.entries()) bodies[n] = withoutModifiedIndex(body)
  }
  return content
}

/** Our own snapshots are taken as they are. */
function fillIn(
  value: Record<string, unknown>,
  environment: NodeJS.ProcessEnv,
): Record<string, unknown> {
  if (value['_meta'] !== undefined) return value
  return fillInValue(value, environment) as Record<string, unknown>
}

/** As in APISIX, variables are filled in before the text is parsed: YAML decides on types. */
async function parseYaml(
  bytes: Buffer,
  environment: NodeJS.ProcessEnv,
): Promise<Record<string, unknown>> {
  const text = fillInText(decodeText(bytes), environment)
  if (!END_MARK.test(text)) throw invalid('its last line is not #END: it is not complete yet')
  const { parseDocument } = await import('yaml')
  const document = parseDocument(text, { merge: true, prettyErrors: true })
  const [error] = document.errors
  if (error !== undefined) {
    // Not the whole message: it quotes the text, which may be a secret.
    const line = error.linePos?.[0].line
    throw invalid(`it is not valid YAML: ${error.code}${line ? ` in line ${line}` : ''}`)
  }
  const value: unknown = document.toJS({ maxAliasCount: 1000 })
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw invalid(`it names no collection, such as ${RESOURCE_KINDS[0]}`)
  }
  return value as Record<string, unknown>
}

function decodeText(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw invalid('it is not UTF-8')
  }
}

/** Versions of collections, and what somebody keeps for anchors and notes. */
function isMetadata(name: string): boolean {
  return name.startsWith('_') || name.startsWith('x-') || name.endsWith('_conf_version')
}

function withoutModifiedIndex(body: ResourceBody): ResourceBody {
  if (body['modifiedIndex'] === undefined) return body
  const { modifiedIndex: _, ...rest } = body
  return rest
}

function invalid(why: string): ConfigError {
  return new ConfigError('GW_SNAPSHOT_INVALID', why)
}
