import type { ResourceBody, ResourceKind } from '../../model/resource-kind.ts'
import type { DocumentPath, Position, SourceDocument } from './source-document.ts'

/** A file that was read. */
interface ConfigSource {
  /** As the command line says it. */
  file: string
  document: SourceDocument
}

/** An object of a file, and where it stands. */
export interface FileObject {
  kind: ResourceKind
  id: string
  /** As written, but for what only stores add; its id is in it. */
  body: ResourceBody
  source: ConfigSource
  /** Of the object in its document. */
  path: DocumentPath
}

/** Something that is wrong, and where. */
export interface ConfigProblem {
  file: string
  /** Absent: it is about the whole file. */
  position?: Position
  message: string
}

/** What files say, all together. */
export interface FileConfig {
  objects: FileObject[]
  problems: ConfigProblem[]
  /** What is worth knowing and no fault. */
  notes: string[]
  /** Gateway groups that snapshots among them are of. */
  groups: ReadonlySet<string>
}

/** How people call an object. */
export function nameOf({ kind, id }: { kind: ResourceKind; id: string }): string {
  return `${kind}/${id}`
}

/** A problem with an object, or with the part of it that `path` leads to. */
export function problemOf(
  { kind, id, source, path: own }: FileObject,
  path: DocumentPath,
  message: string,
): ConfigProblem {
  const { file, document } = source
  const position = document.locate([...own, ...path])
  return { file, position, message: `${nameOf({ kind, id })}: ${message}` }
}

/** One line for each problem, in the form that editors and CI systems recognise. */
export function formatProblem({ file, position, message }: ConfigProblem): string {
  const place = position === undefined ? file : `${file}:${position.line}:${position.column}`
  return `${place}: error: ${message}`
}
