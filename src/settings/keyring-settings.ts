import { readFileSync } from 'node:fs'
import { Type } from '../model/schema-builder.ts'
import { KEYRING_FORM, type NamedKey, parseKeys } from '../support/keyring.ts'
import { setting } from './setting.ts'

/** Settings of the keys that encrypt secrets at rest; without either, secrets are stored as they are. */
export const KEYRING_CATALOGUE = {
  HOLDFAST_KEYRING: Type.Optional(
    setting({ allowed: KEYRING_FORM, secret: true, decode: parseKeys }),
  ),
  HOLDFAST_KEYRING_FILE: Type.Optional(
    setting({ allowed: `path of a file with ${KEYRING_FORM}`, decode: readKeys }),
  ),
}

type KeyringValues = { [N in keyof typeof KEYRING_CATALOGUE]?: NamedKey[] | undefined }

/** The keys, the first of which encrypts; none = no encryption. */
export function toKeys(values: KeyringValues): readonly NamedKey[] {
  return values.HOLDFAST_KEYRING ?? values.HOLDFAST_KEYRING_FILE ?? []
}

/** A problem when both are set: which of them encrypts would be anybody's guess. */
export function twoKeyrings(values: KeyringValues): string[] {
  return values.HOLDFAST_KEYRING !== undefined && values.HOLDFAST_KEYRING_FILE !== undefined
    ? ['HOLDFAST_KEYRING and HOLDFAST_KEYRING_FILE are both set; allowed: one of them']
    : []
}

function readKeys(path: string): NamedKey[] {
  return parseKeys(readText(path))
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`can't be read (${(error as NodeJS.ErrnoException).code})`)
  }
}
