/** Keys and list positions from the top of a document. */
export type DocumentPath = readonly (string | number)[]

/** Where in a file something stands; both count from 1. */
export interface Position {
  line: number
  column: number
}

/** A file's text, read: its value, and where each part of it stands. */
export interface SourceDocument {
  value: unknown
  /** Of the key (or list item) that `path` leads to; of the nearest one around it when there is none. */
  locate(path: DocumentPath): Position
}

/** What is wrong with a text, without quoting it: it may hold secrets. */
export interface TextProblem extends Position {
  message: string
}

/** A document, or why the text is none. */
export type ParsedText =
  | { ok: true; document: SourceDocument }
  | { ok: false; problems: TextProblem[] }

/** Line and column of a place in a text. */
export function positionAt(text: string, offset: number): Position {
  let line = 1
  let start = 0
  for (
    let next = text.indexOf('\n');
    next >= 0 && next < offset;
    next = text.indexOf('\n', start)
  ) {
    line++
    start = next + 1
  }
  return { line, column: offset - start + 1 }
}
