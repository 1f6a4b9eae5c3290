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

/** Tells line and column of places in a text; its lines are counted once. */
export function createPositions(text: string): (offset: number) => Position {
  let starts: number[] | undefined
  return (offset) => {
    starts ??= lineStarts(text)
    let [low, high] = [0, starts.length - 1]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 }
  }
}

function lineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}
