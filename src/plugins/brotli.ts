import { brotliCompressSync, constants, createBrotliCompress } from 'node:zlib'
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

const LGWIN = [0, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24]
const LGBLOCK = [0, 16, 17, 18, 19, 20, 21, 22, 23, 24]

// Up to here a thread would cost the event loop more than the work itself.
const MAX_INLINE_BYTES = 2_048
const MAX_INLINE_LEVEL = 6

const schema = Type.Object(
  {
    types: COMPRESSIBLE.types,
    min_length: COMPRESSIBLE.min_length,
    mode: Type.Integer({
      minimum: 0,
      maximum: 2,
      default: 0,
      description: 'What is compressed: 0 anything, 1 UTF-8 text, 2 fonts (WOFF 2.0).',
    }),
    comp_level: Type.Integer({
      minimum: 0,
      maximum: 11,
      default: 6,
      description: '0 is fastest, 11 smallest (and a hundred times slower).',
    }),
    lgwin: Type.Unsafe<number>({
      enum: LGWIN,
      default: 19,
      description: 'Logarithm of the window; 0 leaves it to the compressor.',
    }),
    lgblock: Type.Unsafe<number>({
      enum: LGBLOCK,
      default: 0,
      description: 'Logarithm of the largest block; 0 leaves it to the compressor.',
    }),
    http_version: COMPRESSIBLE.http_version,
    vary: COMPRESSIBLE.vary,
  },
  { additionalProperties: false },
)

/** Compresses answers for clients that take brotli. */
export default definePlugin({
  name: 'brotli',
  priority: 996,
  schema,

  create(config) {
    const isCompressible = compileCompressible(config)
    const params = {
      [constants.BROTLI_PARAM_MODE]: config.mode,
      [constants.BROTLI_PARAM_QUALITY]: config.comp_level,
      ...(config.lgwin !== 0 && { [constants.BROTLI_PARAM_LGWIN]: config.lgwin }),
      ...(config.lgblock !== 0 && { [constants.BROTLI_PARAM_LGBLOCK]: config.lgblock }),
    }

    const maxInlineBytes = config.comp_level <= MAX_INLINE_LEVEL ? MAX_INLINE_BYTES : 0

    function compressor(bodyLength: number | undefined): BodyFilter {
      if (bodyLength !== undefined && bodyLength <= maxInlineBytes) {
        return compressAtOnce((body) => brotliCompressSync(body, { params }))
      }
      // Without a length each piece leaves by itself: it may be an event that somebody waits for.
      const flush =
        bodyLength === undefined
          ? constants.BROTLI_OPERATION_FLUSH
          : constants.BROTLI_OPERATION_PROCESS
      const finish = constants.BROTLI_OPERATION_FINISH
      return compressWith(createBrotliCompress({ params, flush, ...UNBOUNDED_OUTPUT }), { finish })
    }

    return {
      encodeBody(request, head) {
        if (!isCompressible(request, head)) return undefined
        if (config.vary === true) varyByEncoding(head)
        if (!acceptsCoding(request, 'br', true)) return undefined
        announceEncoding(head, 'br')
        return compressor(head.bodyLength)
      },
    }
  },
})
