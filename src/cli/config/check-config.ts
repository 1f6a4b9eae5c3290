import { CredentialHolders } from '../../control/credential-holders.ts'
import { credentialKeysIn, describeDuplicate, isOneConsumer } from '../../control/credential-key.ts'
import { RESOURCE_DEFINITIONS } from '../../control/resource-definitions.ts'
import { isOfConsumer, type ResourceBody } from '../../model/resource-kind.ts'
import { pluginRegistry } from '../../plugins/registry.ts'
import { type ConfigProblem, type FileObject, nameOf, problemOf } from './config-object.ts'
import { createFileView } from './file-view.ts'
import { wantedForm } from './normal-form.ts'
import { pathOfReason } from './reason-path.ts'
import type { Selection } from './selection.ts'
import type { DocumentPath } from './source-document.ts'

/** An object of a file that is valid in itself. */
export interface CheckedObject extends FileObject {
  /** With defaults, without times: how it is compared. */
  normal: ResourceBody
}

interface CheckedConfig {
  /** By `kind/id`. */
  objects: Map<string, CheckedObject>
  problems: ConfigProblem[]
}

/** Told of each object that was checked; may wait, so that the terminal gets its turn. */
type OnObject = (done: number, of: number) => Promise<void> | undefined

/** Finds what the control plane would refuse: what is not valid, there twice, or refers to nothing. */
export async function checkConfig(
  objects: readonly FileObject[],
  selection: Selection,
  onObject: OnObject = () => undefined,
): Promise<CheckedConfig> {
  const problems: ConfigProblem[] = []
  const first = new Map<string, FileObject>()
  const checked = new Map<string, CheckedObject>()
  for (const [n, object] of objects.entries()) {
    const name = nameOf(object)
    const other = first.get(name)
    if (other === undefined) first.set(name, object)
    else problems.push(duplicate(object, other))
    const normal = wantedForm(object.kind, object.body)
    if (normal.ok) {
      if (other === undefined) checked.set(name, { ...object, normal: normal.value })
    } else problems.push(problemOf(object, pathOfReason(normal.reason), normal.reason))
    await onObject(n + 1, objects.length)
  }
  problems.push(...duplicateKeys(checked.values()))
  const view = createFileView(checked)
  for (const object of checked.values()) {
    problems.push(...checkReferences(object, first, checked, selection))
    const { check } = RESOURCE_DEFINITIONS[object.kind]
    const problem = await check?.(view, object.id, object.normal)
    if (problem) problems.push(problemOf(object, [], problem))
  }
  return { objects: checked, problems }
}

function duplicate(object: FileObject, { source, path }: FileObject): ConfigProblem {
  const { line, column } = source.document.locate(path)
  const message = `there is an object of this id in ${source.file}:${line}:${column} too`
  return problemOf(object, [], message)
}

/** Keys by which the gateways could not tell consumers apart; encrypted ones are unknown here. */
function duplicateKeys(objects: Iterable<CheckedObject>): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const holders = new CredentialHolders()
  for (const object of objects) {
    const { kind, id, normal } = object
    if (!isOfConsumer(kind)) continue
    const keys = credentialKeysIn(normal, pluginRegistry.find)
    for (const key of keys) {
      const other = holders.of('', key).find((holder) => !isOneConsumer(object, holder))
      if (other === undefined) continue
      const path = ['plugins', key.plugin, key.attribute]
      problems.push(problemOf(object, path, describeDuplicate(key, other)))
    }
    holders.set({ group: '', kind, id }, keys)
  }
  return problems
}

/** References to objects outside the selection may lead to what is on the control plane. */
function checkReferences(
  object: CheckedObject,
  all: ReadonlyMap<string, FileObject>,
  valid: ReadonlyMap<string, CheckedObject>,
  selection: Selection,
): ConfigProblem[] {
  const { references, owner } = RESOURCE_DEFINITIONS[object.kind]
  const problems: ConfigProblem[] = []
  const isSought = (kind: FileObject['kind']) => !selection.byLabel && selection.hasKind(kind)
  for (const { kind, id, check } of references(object.normal)) {
    const target = nameOf({ kind, id })
    // One that is there and not valid has its own line.
    const problem = all.has(target)
      ? check?.(valid.get(target)?.normal ?? {})
      : isSought(kind) && 'it is not in the files'
    if (!problem || (all.has(target) && !valid.has(target))) continue
    const message = `refers to ${target}: ${problem}`
    problems.push(problemOf(object, referencePath(object.body, id) ?? [], message))
  }
  const whole = owner?.(object.id)
  if (whole && isSought(whole.kind) && !all.has(nameOf(whole))) {
    problems.push(problemOf(object, ['id'], `belongs to ${nameOf(whole)}: it is not in the files`))
  }
  return problems
}

/** Where in an object the id of another one stands: in a field that is called `…_id`. */
function referencePath(value: unknown, id: string): DocumentPath | undefined {
  if (value === null || typeof value !== 'object') return undefined
  for (const [name, field] of Object.entries(value)) {
    if (name.endsWith('_id') && String(field) === id) return [name]
    const inner = referencePath(field, id)
    if (inner !== undefined) return [name, ...inner]
  }
  return undefined
}
