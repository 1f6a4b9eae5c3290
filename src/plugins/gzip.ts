import { constants, createGzip, gzipSync } from 'node:zlib'
import { Type } from '../model/schema-builder.ts'
import { acceptsCoding } from './compression/accept-encoding.ts'
import {
  announceEncoding,
  COMPRESSIBLE,
  compileCompressible,
  varyByEncoding,
} from './compression/compressible.ts'
import { compressAtOnce, compressWith, UNBOUNDED_OUTPUT } from './compression/compressor.ts'
import { type BodyFilter, definePlugin } from './contract.ts'

const schema = Type.Object(
  {
    types: COMPRESSIBLE.types,
    min_length: COMPRESSIBLE.min_length,
    comp_level: Type.Integer({
      minimum: 1,
      maximum: 9,
      default: 1,
      description: '1 is fastest, 9 smallest.',
    }),
    http_version: COMPRESSIBLE.http_version,
    buffers: Type.Object(
      {
        number: Type.Integer({
          minimum: 1,
          default: 32,
          description: 'Number × size bytes of an answer of known length may be held back.',
        }),
        size: Type.Integer({
          minimum: 1,
          default: 4_096,
          description: 'Bytes of a piece of output; at least 64.',
        }),
      },
      { default: { number: 32, size: 4_096 }, additionalProperties: false },
    ),
    vary: COMPRESSIBLE.vary,
  },
  { additionalProperties: false },
)

/** As in nginx, which has these three only. */
const STATUSES = new Set([200, 403, 404])

/** Up to here a thread would cost the event loop more than the work itself. */
const MAX_INLINE_BYTES = 4_096

// What zlib needs at least, and nginx's choice for large bodies.
const MIN_CHUNK_BYTES = 64
const MIN_WINDOW_BITS = 9
const MAX_WINDOW_BITS = 15
const MEM_LEVEL = 8
/** A window must have room for a match beyond what it looks back at (zlib's MIN_LOOKAHEAD). */
const LOOKAHEAD_BYTES = 262

/** Compresses answers for clients that take gzip. */
export default definePlugin({
  name: 'gzip',
  priority: 995,
  schema,

  create(config) {
    const { comp_level: level, buffers, vary } = config
    const isCompressible = compileCompressible(config, STATUSES)
    const heldBytes = buffers.number * buffers.size
    const chunkSize = Math.max(buffers.size, MIN_CHUNK_BYTES)

    function compressor(bodyLength: number | undefined): BodyFilter {
      if (bodyLength !== undefined && bodyLength <= MAX_INLINE_BYTES) {
        return compressAtOnce((body) => gzipSync(body, { level, ...memoryFor(bodyLength) }))
      }
      const flush = bodyLength === undefined ? constants.Z_SYNC_FLUSH : constants.Z_NO_FLUSH
      const options = { level, chunkSize, flush, ...memoryFor(bodyLength), ...UNBOUNDED_OUTPUT }
      const isDue = flushEvery(bodyLength, heldBytes)
      return compressWith(createGzip(options), { finish: constants.Z_FINISH, isDue })
    }

    return {
      encodeBody(request, head) {
        if (!isCompressible(request, head)) return undefined
        if (vary === true) varyByEncoding(head)
        if (!acceptsCoding(request, 'gzip', false)) return undefined
        announceEncoding(head, 'gzip')
        return compressor(head.bodyLength)
      },
    }
  },
})

/** Without a length each piece leaves by itself: it may be an event that somebody waits for. */
function flushEvery(bodyLength: number | undefined, bytes: number): (length: number) => boolean {
  if (bodyLength === undefined) return () => false
  let held = 0
  return (length) => {
    held += length
    if (held < bytes) return false
    held = 0
    return true
  }
}

/** As nginx: a small body needs no window of 32 KiB, and a compressor a tenth of the memory then. */
function memoryFor(bodyLength = Number.POSITIVE_INFINITY): {
  windowBits: number
  memLevel: number
} {
  let windowBits = MAX_WINDOW_BITS
  let memLevel = MEM_LEVEL
  while (windowBits > MIN_WINDOW_BITS && bodyLength < 2 ** (windowBits - 1) - LOOKAHEAD_BYTES) {
    windowBits--
    memLevel = Math.max(memLevel - 1, 1)
  }
  return { windowBits, memLevel }
}
