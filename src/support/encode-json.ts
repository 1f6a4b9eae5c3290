import { TimeSlice } from './time-slice.ts'

const CHUNK_CHARS = 64 * 1024

/**
 * The JSON of an object in pieces: each of its lists item by item, with pauses, so that a large one
 * does not stall the event loop.
 */
export async function* encodeJsonInSlices(object: object): AsyncGenerator<Buffer> {
  const slice = new TimeSlice()
  let text = ''
  for (const piece of piecesOf(object)) {
    text += piece
    if (text.length >= CHUNK_CHARS) {
      yield Buffer.from(text)
      text = ''
    }
    if (slice.due) await slice.pause()
  }
  yield Buffer.from(text)
}

function* piecesOf(object: object): Generator<string> {
  let before = '{'
  for (const [name, value] of Object.entries(object)) {
    if (value === undefined) continue
    yield `${before}${JSON.stringify(name)}:`
    if (Array.isArray(value)) yield* itemsOf(value)
    else yield JSON.stringify(value)
    before = ','
  }
  yield before === '{' ? '{}' : '}'
}

function* itemsOf(list: unknown[]): Generator<string> {
  let before = '['
  for (const item of list) {
    yield before + (JSON.stringify(item) ?? 'null')
    before = ','
  }
  yield before === '[' ? '[]' : ']'
}
