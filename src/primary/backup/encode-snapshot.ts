import { RESOURCE_KINDS } from '../../model/resource-kind.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import { TimeSlice } from '../../support/time-slice.ts'

const CHUNK_CHARACTERS = 32 * 1024
/** Leaves room for what else runs in the same turn of the event loop. */
const SLICE_MS = 3

/**
 * JSON with one object a line, in chunks: quick to write in slices, easy to read, edit and diff.
 * Other work runs between the slices, so that a large snapshot stalls nothing.
 */
export async function* encodeSnapshot(snapshot: Snapshot): AsyncGenerator<Buffer> {
  const slice = new TimeSlice(SLICE_MS)
  let text = `{\n"_meta": ${JSON.stringify(snapshot._meta, undefined, 2)}`
  for (const kind of RESOURCE_KINDS) {
    const bodies = snapshot[kind]
    if (bodies === undefined) continue
    text += `,\n"${kind}": [`
    let separator = '\n'
    for (const body of bodies) {
      text += separator + JSON.stringify(body)
      separator = ',\n'
      if (text.length >= CHUNK_CHARACTERS) {
        yield Buffer.from(text)
        text = ''
      }
      if (slice.due) await slice.pause()
    }
    text += '\n]'
  }
  yield Buffer.from(`${text}\n}\n`)
}
