import {
  isResourceKind,
  RESOURCE_KINDS,
  type ResourceBody,
  type ResourceKind,
} from '../../model/resource-kind.ts'
import { collectionOf, SNAPSHOT_FORMAT } from '../../model/snapshot.ts'
import { nearestName } from '../../settings/nearest-name.ts'
import type { ConfigProblem, FileConfig, FileObject } from './config-object.ts'
import type { SourceDocument } from './source-document.ts'

/** Gathers what the documents of several files say. */
export class ConfigCollector implements FileConfig {
  readonly objects: FileObject[] = []
  readonly problems: ConfigProblem[] = []
  readonly notes: string[] = []
  readonly groups = new Set<string>()
  #nameless = 0

  addDocument(file: string, document: SourceDocument): void {
    const { value } = document
    // A file of comments.
    if (value === null || value === undefined) return
    if (!isObject(value)) {
      this.#refuse(file, document, [], 'it is no object of collections')
      return
    }
    for (const [name, content] of Object.entries(value)) {
      if (isResourceKind(name)) this.#addCollection(file, document, name, content)
      else if (name === '_meta') this.#readMeta(file, document, content)
      else if (name === 'plugins') {
        this.notes.push(`${file}: the list "plugins" is left out: Holdfast has all its plugins on`)
      } else if (!isRemark(name)) this.#refuse(file, document, [name], unknownName(name))
    }
  }

  result(): FileConfig {
    if (this.#nameless > 0) {
      this.notes.push(
        `${this.#nameless} objects have no id and are called arr_1, arr_2 … by their place in the list, as APISIX does: one more at the top renames them all`,
      )
    }
    const { objects, problems, notes, groups } = this
    return { objects, problems, notes, groups }
  }

  #addCollection(file: string, document: SourceDocument, kind: ResourceKind, list: unknown): void {
    // An empty list is written as nothing in YAML.
    if (list === null) return
    if (!Array.isArray(list)) {
      this.#refuse(file, document, [kind], `"${kind}" is no list`)
      return
    }
    for (const [index, item] of list.entries()) {
      const path = [kind, index]
      if (isObject(item)) {
        const { kind: own, id, body } = this.#identify(kind, item, `arr_${index + 1}`)
        this.objects.push({ kind: own, id, body, source: { file, document }, path })
      } else this.#refuse(file, document, path, `item ${index + 1} of "${kind}" is no object`)
    }
  }

  #identify(listed: ResourceKind, item: ResourceBody, fallback: string) {
    const { modifiedIndex: _, ...body } = item
    const { id } = body
    // APISIX keeps credentials among the consumers they belong to.
    const kind = collectionOf(listed, item)
    const named = kind === 'consumers' ? body['username'] : id
    if (typeof named === 'string' || typeof named === 'number') {
      const name = String(named)
      return { kind, id: name, body: kind === 'consumers' ? body : { ...body, id: name } }
    }
    const isOptional = named === undefined && ID_IS_OPTIONAL.has(kind)
    if (isOptional) this.#nameless++
    return { kind, id: fallback, body: isOptional ? { ...body, id: fallback } : body }
  }

  #readMeta(file: string, document: SourceDocument, meta: unknown): void {
    if (!isObject(meta)) return
    const { format, group } = meta
    if (typeof format === 'number' && format > SNAPSHOT_FORMAT) {
      const message = `format ${format} is not known, at most ${SNAPSHOT_FORMAT} is`
      this.#refuse(file, document, ['_meta', 'format'], message)
    }
    if (typeof group === 'string') this.groups.add(group)
  }

  #refuse(
    file: string,
    document: SourceDocument,
    path: (string | number)[],
    message: string,
  ): void {
    this.problems.push({ file, position: document.locate(path), message })
  }
}

/** Where a name that nobody gave does no harm: nothing else is known by it. */
const ID_IS_OPTIONAL: ReadonlySet<ResourceKind> = new Set([
  'routes',
  'services',
  'upstreams',
  'consumer_groups',
  'plugin_configs',
  'global_rules',
  'ssls',
  'stream_routes',
  'protos',
])

/** Versions of collections, and what somebody keeps for anchors and notes. */
function isRemark(name: string): boolean {
  return name.startsWith('_') || name.startsWith('x-') || name.endsWith('_conf_version')
}

function unknownName(name: string): string {
  const names = RESOURCE_KINDS.map((kind) => kind.toUpperCase())
  const guess = nearestName(name, names)?.toLowerCase()
  const hint =
    guess === undefined ? `there are ${RESOURCE_KINDS.join(', ')}` : `perhaps "${guess}" is meant`
  return `${JSON.stringify(name.slice(0, 80))} is no collection: ${hint}`
}

function isObject(value: unknown): value is ResourceBody {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
