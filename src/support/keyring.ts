import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { ENVELOPE_MARK as MARK } from '../model/secret-value.ts'

/**
 * Encrypts single values with AES-256-GCM under named keys. An encrypted value is an envelope:
 * `$aes256gcm$<key id>$<base64 of IV, tag and ciphertext>`.
 */
export interface Keyring {
  /** Names of the keys; the first encrypts, all decrypt. Empty: nothing is encrypted. */
  readonly ids: readonly string[]
  /** `context` says what the value belongs to: only there can the envelope be opened. */
  seal(value: string, context: string): string
  open(envelope: string, context: string): OpenedEnvelope
}

/** The value, or why it can't be had: completes "the value …", quotes neither value nor envelope. */
type OpenedEnvelope = { ok: true; value: string } | { ok: false; reason: string }

export interface NamedKey {
  id: string
  key: KeyObject
}

export const KEYRING_FORM = 'NAME:KEY[,NAME:KEY…], a KEY being 32 random bytes in base64'

const ENVELOPE = /^\$aes256gcm\$([\w.-]{1,32})\$([A-Za-z0-9+/]+={0,2})$/
const KEY_ID = /^[\w.-]{1,32}$/
const KEY_TEXT = /^[A-Za-z0-9+/_-]{43}=?$/
const MAX_KEYS = 32
/** Recommended for GCM, and the only length that is not hashed first. */
const IV_BYTES = 12
const TAG_BYTES = 16

/** True for an envelope, also for a damaged one. */
export function isEnvelope(value: string): boolean {
  return value.startsWith(MARK)
}

/** Id of the key that sealed an envelope; undefined when it is damaged beyond that. */
export function keyIdOf(envelope: string): string | undefined {
  return ENVELOPE.exec(envelope)?.[1]
}

/**
 * Reads `name:key` entries, separated by commas or, in a file, by white space.
 * @throws Error that says which entry is wrong and why, by its position: what looks like a name may
 * be the key.
 */
export function parseKeys(text: string): NamedKey[] {
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== '')
  if (entries.length === 0) throw new Error('holds no key')
  if (entries.length > MAX_KEYS) throw new Error(`holds more than ${MAX_KEYS} keys`)
  const keys: NamedKey[] = []
  for (const [n, entry] of entries.entries()) {
    const [id, key, ...rest] = entry.split(':')
    const at = `entry ${n + 1}`
    if (id === undefined || key === undefined || rest.length > 0) {
      throw new Error(`${at} is not NAME:KEY`)
    }
    if (!KEY_ID.test(id)) {
      throw new Error(`${at}: the name is not 1 to 32 letters, digits, ".", "_" or "-"`)
    }
    if (!KEY_TEXT.test(key)) throw new Error(`${at}: the key is not 32 bytes in base64`)
    if (keys.some((known) => known.id === id))
      throw new Error(`${at} has the name of an earlier one`)
    keys.push({ id, key: createSecretKey(key, 'base64') })
  }
  return keys
}

/** A keyring of these keys. Without any it leaves values as they are and can open nothing. */
export function createKeyring(keys: readonly NamedKey[]): Keyring {
  const byId = new Map(keys.map(({ id, key }) => [id, key]))
  const [first] = keys

  return {
    ids: [...byId.keys()],
    seal: (value, context) => (first === undefined ? value : encrypt(first, value, context)),
    open(envelope, context) {
      const [, id, payload] = ENVELOPE.exec(envelope) ?? []
      if (id === undefined || payload === undefined) {
        return { ok: false, reason: 'looks encrypted, but the envelope is damaged' }
      }
      const key = byId.get(id)
      const by = `is encrypted with key [${id}]`
      if (key === undefined) {
        return { ok: false, reason: `${by}, which is not in the keyring (HOLDFAST_KEYRING)` }
      }
      const value = decrypt(key, Buffer.from(payload, 'base64'), context)
      return value === undefined
        ? {
            ok: false,
            reason: `${by}, which can't decrypt it: the keyring (HOLDFAST_KEYRING) holds another key of that name, or the value was altered or belongs elsewhere`,
          }
        : { ok: true, value }
    },
  }
}

/** Seals and opens nothing: what a process without a keyring has. */
export const NO_KEYRING: Keyring = createKeyring([])

function encrypt({ id, key }: NamedKey, value: string, context: string): string {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(Buffer.from(context))
  const text = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()])
  return `${MARK}${id}$${Buffer.concat([iv, cipher.getAuthTag(), text]).toString('base64')}`
}

function decrypt(key: KeyObject, payload: Buffer, context: string): string | undefined {
  if (payload.length < IV_BYTES + TAG_BYTES) return undefined
  const iv = payload.subarray(0, IV_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES })
  decipher.setAAD(Buffer.from(context))
  decipher.setAuthTag(payload.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
  try {
    const text = decipher.update(payload.subarray(IV_BYTES + TAG_BYTES))
    return Buffer.concat([text, decipher.final()]).toString('utf8')
  } catch {
    return undefined
  }
}
