import { ConfigError } from '../../model/errors.ts'
import { isFieldName } from '../../support/header-fields.ts'

const CONTROL = /[^\t\x20-\x7e\x80-\u{10ffff}]/u

/** Fields that frame a message or manage its connection: the gateway's own in both directions. */
const FRAMING = ['connection', 'content-length', 'keep-alive', 'transfer-encoding']

/** Fields of a response that no plugin can decide about. */
export const OWN_RESPONSE_FIELDS: ReadonlySet<string> = new Set(FRAMING)

/** Fields of a request that no plugin can decide about. */
export const OWN_REQUEST_FIELDS: ReadonlySet<string> = new Set([
  ...FRAMING,
  'expect',
  'host',
  'upgrade',
])

/** @throws ConfigError for a name that no field can have, or that is in `own`. */
export function checkFieldName(name: string, own: ReadonlySet<string>): void {
  if (name === '') throw refusal('invalid field length in header')
  if (!isFieldName(name))
    throw refusal(`invalid field character in header: ${JSON.stringify(name)}`)
  if (own.has(name.toLowerCase())) throw refusal(`${name} is set by the gateway itself`)
}

/** @throws ConfigError for a text with characters that could end the field. */
export function checkFieldValue(value: string | number): void {
  if (CONTROL.test(String(value))) throw refusal('invalid value character in header')
}

function refusal(message: string): ConfigError {
  return new ConfigError('GW_CONFIG_INVALID', message)
}
