import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import { Type } from '../model/schema-builder.ts'
import { FIELD_NAME, fieldValue, setField } from '../support/header-fields.ts'
import { definePlugin } from './contract.ts'

const CHARACTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIGKLMNOPQRSTUVWXYZ0123456789'
const NANOID_ALPHABET = '-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
const NANOID_LENGTH = 21
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const KSUID_LENGTH = 27
/** A KSUID counts seconds from 2014-05-13T16:53:20Z (github.com/segmentio/ksuid). */
const KSUID_EPOCH_SECONDS = 1_400_000_000

const schema = Type.Object({
  header_name: Type.String({
    default: 'X-Request-Id',
    pattern: FIELD_NAME,
    description: 'Header that carries the id, to the node and back.',
  }),
  include_in_response: Type.Boolean({ default: true, description: 'Send the id to the client.' }),
  algorithm: Type.Enum(['uuid', 'nanoid', 'range_id', 'ksuid', 'uuidv7'], {
    type: 'string',
    default: 'uuid',
    description: 'How ids are made.',
  }),
  range_id: Type.Object(
    {
      length: Type.Integer({ minimum: 6, default: 16, maximum: 1024 }),
      char_set: Type.String({ minLength: 6, default: CHARACTERS }),
    },
    { default: { length: 16, char_set: CHARACTERS }, description: 'Of algorithm range_id.' },
  ),
})

/** Gives each request an id that does not have one, for the node, the client and the logs. */
export default definePlugin({
  name: 'request-id',
  priority: 12_015,
  schema,

  create({ header_name: header, include_in_response: answers, algorithm, range_id: range }, host) {
    const lowerCase = header.toLowerCase()
    const create = {
      uuid: randomUUID,
      uuidv7: () => uuidV7(host.now()),
      nanoid,
      range_id: () => pickCharacters(range.char_set, range.length),
      ksuid: () => ksuid(host.now()),
    }[algorithm]

    return {
      rewrite(request) {
        const known = fieldValue(request.headers, lowerCase)
        const id = known || create()
        if (id !== known) setField(request.headers, header, id)
        request.setVariable('apisix_request_id', id)
        return undefined
      },

      ...(answers && {
        headerFilter(request, head) {
          const id = fieldValue(request.headers, lowerCase)
          if (id && !fieldValue(head.headers, lowerCase)) setField(head.headers, header, id)
        },
      }),
    }
  },
})

function nanoid(): string {
  let id = ''
  for (const byte of randomBytes(NANOID_LENGTH)) id += NANOID_ALPHABET[byte & 63]
  return id
}

function pickCharacters(characters: string, length: number): string {
  let id = ''
  for (let i = 0; i < length; i++) id += characters[randomInt(characters.length)]
  return id
}

/** RFC 9562, section 5.7. */
function uuidV7(nowMs: number): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(nowMs, 0, 6)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** 4 bytes of time and 16 random ones, in base 62. */
function ksuid(nowMs: number): string {
  const bytes = randomBytes(20)
  bytes.writeUInt32BE(Math.floor(nowMs / 1000) - KSUID_EPOCH_SECONDS, 0)
  let rest = BigInt(`0x${bytes.toString('hex')}`)
  let id = ''
  for (let i = 0; i < KSUID_LENGTH; i++) {
    id = BASE62[Number(rest % 62n)] + id
    rest /= 62n
  }
  return id
}
