import { fillInText, fillInValue, findUnset } from '../../support/environment-texts.ts'
import { ConfigCollector } from './config-collector.ts'
import type { FileConfig } from './config-object.ts'
import { findConfigFiles, readConfigFile } from './find-config-files.ts'
import { parseJsonDocument } from './json-document.ts'
import { createPositions, type ParsedText } from './source-document.ts'

/** Tells how far it has come. */
type OnFile = (done: number, of: number) => Promise<void> | undefined

/**
 * Reads configuration files, and those in folders: APISIX standalone files, snapshots and backups of
 * Holdfast, dumps. What is wrong with them is in `problems`. @throws the file system's error
 */
export async function readConfig(
  paths: readonly string[],
  onFile: OnFile = () => undefined,
): Promise<FileConfig> {
  const collector = new ConfigCollector()
  const { files, emptyFolders } = await findConfigFiles(paths)
  for (const folder of emptyFolders) {
    const message = 'there is no .json, .yaml or .yml file in this folder'
    collector.problems.push({ file: folder, message })
  }
  for (const [n, file] of files.entries()) {
    const parsed = await parseFile(file, await readConfigFile(file))
    if (parsed.ok) collector.addDocument(file, parsed.document)
    else {
      for (const { message, ...position } of parsed.problems) {
        collector.problems.push({ file, position, message })
      }
    }
    await onFile(n + 1, files.length)
  }
  return collector.result()
}

async function parseFile(file: string, bytes: Buffer): Promise<ParsedText> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return { ok: false, problems: [{ line: 1, column: 1, message: 'it is not UTF-8' }] }
  }
  const isYaml = /\.ya?ml$/i.test(file) || !(/\.json$/i.test(file) || /^\s*\{/.test(text))
  // Snapshots of Holdfast are taken as they are.
  const environment = !isYaml && /"_meta"\s*:/.test(text) ? undefined : process.env
  const unset = environment && findUnset(text, environment)
  if (unset) {
    const message = `the environment variable ${unset.name} is not set`
    return { ok: false, problems: [{ ...createPositions(text)(unset.offset), message }] }
  }
  if (!isYaml) return withVariables(parseJsonDocument(text), environment)
  const { parseYamlDocument } = await import('./yaml-document.ts')
  return parseYamlDocument(environment ? fillInText(text, environment) : text)
}

/** As a gateway does it with this file: in the values of JSON, but in the text of YAML. */
function withVariables(parsed: ParsedText, environment: NodeJS.ProcessEnv | undefined): ParsedText {
  if (!parsed.ok || environment === undefined) return parsed
  const { value, locate } = parsed.document
  return { ok: true, document: { value: fillInValue(value, environment), locate } }
}
