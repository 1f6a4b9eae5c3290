import { Type } from '../model/schema-builder.ts'
import { setting } from './setting.ts'

/** What the holder of a key of the Admin API may do: all, or only read. */
const ROLES = ['admin', 'viewer'] as const
type AdminRole = (typeof ROLES)[number]

/** A key of the Admin API; `name` is who its holder acts as in the log of revisions. */
export interface AdminKey {
  name: string
  role: AdminRole
  key: string
}

/** Of the key in HOLDFAST_ADMIN_KEY. */
export const ADMIN_NAME = 'admin'
const KEYS_FORM = 'comma-separated NAME:ROLE:KEY; ROLE is admin or viewer'

/** Settings of the Admin API beside its address and first key. */
export const ADMIN_API_CATALOGUE = {
  HOLDFAST_ADMIN_KEYS: setting({
    allowed: KEYS_FORM,
    default: '',
    secret: true,
    decode: (text) => (text === '' ? [] : decodeAdminKeys(text)),
  }),
  HOLDFAST_ADMIN_CORS_ORIGIN: Type.Optional(
    setting({
      allowed: '* (any), or comma-separated origins such as https://console.example.com',
      decode: decodeOrigins,
    }),
  ),
  HOLDFAST_ADMIN_SERVER_HEADER: setting({
    allowed: 'off, or the text of the header',
    default: 'APISIX/3.18.0',
    decode: decodeServerHeader,
  }),
}

/** How the Admin API answers, beside what it answers. */
export interface AdminApiSettings {
  /** Beside the administrator's. */
  keys: readonly AdminKey[]
  /** Whose pages may call it; undefined = none. */
  corsOrigins: '*' | readonly string[] | undefined
  /** Undefined = no such header. */
  serverHeader: string | undefined
}

interface AdminApiValues {
  HOLDFAST_ADMIN_KEYS: AdminKey[]
  HOLDFAST_ADMIN_CORS_ORIGIN?: AdminApiSettings['corsOrigins']
  HOLDFAST_ADMIN_SERVER_HEADER: string | undefined
}

export function toAdminApiSettings(values: AdminApiValues): AdminApiSettings {
  return {
    keys: values.HOLDFAST_ADMIN_KEYS,
    corsOrigins: values.HOLDFAST_ADMIN_CORS_ORIGIN,
    serverHeader: values.HOLDFAST_ADMIN_SERVER_HEADER,
  }
}

/** Throws what is wrong with the text of one key. */
export function decodeAdminKey(text: string): string {
  // It travels in a header field, where other characters are lost or mean something else.
  if (!/^[!-~]*$/.test(text)) throw new Error('has a space or a character that is not ASCII')
  if (text.length > 256) throw new Error('too long')
  return text
}

function decodeAdminKeys(text: string): AdminKey[] {
  const keys = text.split(',').map(decodeNamedKey)
  const names = new Set([ADMIN_NAME, ...keys.map(({ name }) => name)])
  if (names.size <= keys.length) throw new Error(`a name is used twice, or is "${ADMIN_NAME}"`)
  if (new Set(keys.map(({ key }) => key)).size < keys.length) throw new Error('a key occurs twice')
  return keys
}

function decodeNamedKey(text: string): AdminKey {
  const [, name = '', roleText = '', key = ''] = /^([^:]*):([^:]*):(.*)$/s.exec(text.trim()) ?? []
  if (!/^[\w.@-]{1,64}$/.test(name)) throw new Error('not of the form NAME:ROLE:KEY')
  const role = ROLES.find((candidate) => candidate === roleText)
  if (role === undefined) throw new Error(`the role of ${name} is neither admin nor viewer`)
  if (key === '') throw new Error(`the key of ${name} is empty`)
  return { name, role, key: decodeAdminKey(key) }
}

function decodeOrigins(text: string): '*' | readonly string[] {
  if (text === '*') return '*'
  return text.split(',').map((part) => {
    const origin = part.trim()
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) throw new Error('not an origin')
    return origin
  })
}

function decodeServerHeader(text: string): string | undefined {
  if (text === 'off') return undefined
  if (!/^[!-~](?:[ -~]{0,127}[!-~])?$/.test(text)) throw new Error('not printable ASCII')
  return text
}
