import type { RawHeaders } from '../model/http-message.ts'

/** Characters of a field's name (RFC 9110, section 5.6.2), as a pattern for schemas. */
export const FIELD_NAME = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"

const NAME = new RegExp(FIELD_NAME)

/** True for what can be the name of a field. */
export function isFieldName(text: string): boolean {
  return NAME.test(text)
}

/**
 * Looks at and changes header fields in place. Names are compared in any letter case; those given
 * to these functions are in lower case. Flat arrays: for the twenty fields of a common request a
 * scan is cheaper than building a map.
 */
export function fieldValue(headers: RawHeaders, name: string): string | undefined {
  const at = indexOfField(headers, name, 0)
  return at === -1 ? undefined : headers[at + 1]
}

/** All values of a field in their order. */
export function fieldValues(headers: RawHeaders, name: string): string[] {
  const values: string[] = []
  for (let at = indexOfField(headers, name, 0); at !== -1; at = indexOfField(headers, name, at)) {
    values.push(headers[at + 1] as string)
    at += 2
  }
  return values
}

/** Puts one field with this value where the first of that name stood, or at the end. */
export function setField(headers: RawHeaders, name: string, value: string): void {
  const at = indexOfField(headers, name.toLowerCase(), 0)
  if (at === -1) {
    headers.push(name, value)
    return
  }
  headers[at + 1] = value
  removeFrom(headers, name.toLowerCase(), at + 2)
}

/** Adds a field beside those of the same name. */
export function addField(headers: RawHeaders, name: string, value: string): void {
  headers.push(name, value)
}

export function removeField(headers: RawHeaders, name: string): void {
  removeFrom(headers, name, 0)
}

function removeFrom(headers: RawHeaders, name: string, from: number): void {
  let at = indexOfField(headers, name, from)
  while (at !== -1) {
    headers.splice(at, 2)
    at = indexOfField(headers, name, at)
  }
}

/** Length and first letter decide for most fields; -1 = not there. */
function indexOfField(headers: RawHeaders, name: string, from: number): number {
  const { length } = name
  for (let i = from; i < headers.length; i += 2) {
    const candidate = headers[i] as string
    if (candidate.length === length && candidate.toLowerCase() === name) return i
  }
  return -1
}

const NOT_PLAIN = /[^\t\x20-\x7e]/
const CONTROLS = /[^\t\x20-\x7e\x80-\u{10ffff}]/gu

/**
 * A text as the value of a field: without control characters, which could end the field, and
 * beyond ASCII as UTF-8 bytes (RFC 9110, section 5.5). For texts with something of a client's in them.
 */
export function toFieldValue(text: string): string {
  if (!NOT_PLAIN.test(text)) return text
  return Buffer.from(text.replaceAll(CONTROLS, ''), 'utf8').toString('latin1')
}

const NOT_ASCII = /[^\0-\x7f]/

/** The text of a field's value, which a client may have written as UTF-8; the inverse of `toFieldValue`. */
export function fromFieldValue(value: string): string {
  return NOT_ASCII.test(value) ? Buffer.from(value, 'latin1').toString() : value
}
