import { RESOURCE_KINDS, type ResourceBody, type ResourceKind } from '../../model/resource-kind.ts'
import { collectionOf, resourceId } from '../../model/snapshot.ts'
import { TimeSlice } from '../../support/time-slice.ts'
import { RESOURCE_DEFINITIONS } from '../resource-definitions.ts'
import { METADATA } from './metadata.ts'

const VERSION_SUFFIX = '_conf_version'

/** The list of a document that holds the objects of a kind: credentials are among the consumers. */
function sectionOf(kind: ResourceKind): string {
  return kind === 'credentials' ? 'consumers' : kind
}

/** Names of all lists that a document may have. */
export const SECTIONS: readonly string[] = [...new Set(RESOURCE_KINDS.map(sectionOf))]

/** Kinds whose objects stand in a section. */
export function kindsOf(section: string): ResourceKind[] {
  return RESOURCE_KINDS.filter((kind) => sectionOf(kind) === section)
}

export function versionKey(section: string): string {
  return `${section}${VERSION_SUFFIX}`
}

/** One object of a document. */
export interface SectionItem {
  section: string
  /** In the section's list. */
  index: number
  kind: ResourceKind
  /** Undefined = the document does not say. */
  id: string | undefined
  body: ResourceBody
}

export interface SectionProblem {
  resource_type: string
  resource_id?: string
  index?: number
  error: string
}

export interface StandaloneDocument {
  items: SectionItem[]
  /** Those that the document gives. */
  versions: Map<string, number>
  problems: SectionProblem[]
}

/** Takes a document apart and finds what is wrong with its form, in slices. */
export async function readSections(document: Record<string, unknown>): Promise<StandaloneDocument> {
  const read: StandaloneDocument = { items: [], versions: new Map(), problems: [] }
  checkNames(document, read)
  const slice = new TimeSlice()
  for (const section of SECTIONS) {
    const { [section]: list, [versionKey(section)]: version } = document
    if (typeof version === 'number') read.versions.set(section, version)
    else if (version !== undefined) {
      const error = `${versionKey(section)} must be a number`
      read.problems.push({ resource_type: section, error })
    }
    const seen = new Set<string>()
    for (const [index, item] of listOf(list, section, read).entries()) {
      readItem(section, index, item, seen, read)
      if (slice.due) await slice.pause()
    }
  }
  return read
}

function readItem(
  section: string,
  index: number,
  item: unknown,
  seen: Set<string>,
  { items, problems }: StandaloneDocument,
): void {
  if (item === null || typeof item !== 'object' || Array.isArray(item)) {
    const error = 'invalid configuration: wrong type: expected object'
    problems.push({ resource_type: section, index, resource_id: '', error })
    return
  }
  // By this, APISIX tells changed objects from others; here their content does.
  const { modifiedIndex: _, ...body } = item as ResourceBody
  const kind = collectionOf(kindsOf(section)[0] as ResourceKind, body)
  const { key } = RESOURCE_DEFINITIONS[kind]
  const id = body[key] === undefined ? undefined : resourceId(kind, body)
  if (id !== undefined && seen.has(id)) {
    const what = kind === 'credentials' ? 'credential id' : key
    const error = `found duplicate ${what} ${id} in ${section}`
    problems.push({ resource_type: section, resource_id: id, index, error })
    return
  }
  if (id !== undefined) seen.add(id)
  items.push({ section, index, kind, id, body })
}

function listOf(list: unknown, section: string, { problems }: StandaloneDocument): unknown[] {
  if (list === undefined || list === null) return []
  if (Array.isArray(list)) return list
  // An empty list is an empty object to some tools that are written in Lua.
  if (typeof list === 'object' && Object.keys(list).length === 0) return []
  problems.push({ resource_type: section, error: `${section} must be a list` })
  return []
}

function checkNames(document: Record<string, unknown>, { problems }: StandaloneDocument): void {
  const known = new Set<string>([...SECTIONS, ...SECTIONS.map(versionKey), ...METADATA])
  for (const [name, value] of Object.entries(document)) {
    if (known.has(name) || name === versionKey('plugins')) continue
    if (name === 'plugins' && Array.isArray(value) && value.length === 0) continue
    const error =
      name === 'plugins'
        ? 'plugins are turned on and off by the settings of the processes'
        : 'there is no such resource'
    problems.push({ resource_type: name.slice(0, 100), error })
  }
}
