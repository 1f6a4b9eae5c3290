import { isResourceKind, RESOURCE_KINDS, type ResourceBody } from '../model/resource-kind.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { TimeSlice } from '../support/time-slice.ts'

const CHUNK_CHARS = 256 * 1024
const LINE_FEED = 0x0a
const COMMA = 0x2c

/** A snapshot as JSON with one object a line, in pieces and time slices. */
export async function* snapshotLines(snapshot: Snapshot): AsyncGenerator<Buffer> {
  const slice = new TimeSlice()
  let text = `{\n"_meta": ${JSON.stringify(snapshot._meta)}`
  for (const kind of RESOURCE_KINDS) {
    const bodies = snapshot[kind]
    if (bodies === undefined || bodies.length === 0) continue
    text += `,\n"${kind}": [\n`
    for (const [n, body] of bodies.entries()) {
      text += `${n === 0 ? '' : ',\n'}${JSON.stringify(body)}`
      if (text.length >= CHUNK_CHARS) {
        yield Buffer.from(text)
        text = ''
      }
      if (slice.due) await slice.pause()
    }
    text += '\n]'
  }
  yield Buffer.from(`${text}\n}\n`)
}

/**
 * Reads what `snapshotLines` wrote, in slices: JSON.parse of 100 000 routes stalls for a quarter of
 * a second. Undefined when it is not laid out like that. The digest tells whether it was read right.
 */
export async function parseLines(text: Buffer): Promise<Snapshot | undefined> {
  const slice = new TimeSlice()
  const reader = new LineReader()
  for (const line of linesOf(text)) {
    if (!reader.take(line)) return undefined
    if (slice.due) await slice.pause()
  }
  return reader.snapshot
}

class LineReader {
  readonly #snapshot: Partial<Snapshot> = {}
  #bodies: ResourceBody[] | undefined

  get snapshot(): Snapshot | undefined {
    return this.#snapshot._meta === undefined ? undefined : (this.#snapshot as Snapshot)
  }

  /** False when the line is not one that belongs there. */
  take(line: string): boolean {
    if (this.#bodies === undefined) return this.#takeFrame(line)
    if (line === ']') this.#bodies = undefined
    else {
      const body = parse(line)
      if (body === undefined) return false
      this.#bodies.push(body as ResourceBody)
    }
    return true
  }

  #takeFrame(line: string): boolean {
    const [, kind = ''] = /^"(\w+)": \[$/.exec(line) ?? []
    if (isResourceKind(kind)) {
      this.#bodies = []
      this.#snapshot[kind] = this.#bodies
      return true
    }
    if (!line.startsWith('"_meta": ')) return line === '{' || line === '}'
    Object.assign(this.#snapshot, parse(`{${line}}`))
    return true
  }
}

/** Without the commas at their ends. */
function* linesOf(text: Buffer): Generator<string> {
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf(LINE_FEED, start)
    const end = found === -1 ? text.length : found
    yield text.toString('utf8', start, text[end - 1] === COMMA ? end - 1 : end)
    start = end + 1
  }
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
