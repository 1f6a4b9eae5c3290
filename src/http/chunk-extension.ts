import { CR, HTAB, SEMICOLON, TOKEN, VALUE } from './characters.ts'

/*
 * chunk-ext of RFC 9112 section 7.1.1, without its optional white space:
 * NAME_START -token-> NAME -'='-> VALUE_START -token-> VALUE | -'"'-> QUOTED -'"'-> QUOTED_END
 * From NAME, VALUE and QUOTED_END: ';' -> NAME_START, CR -> EXTENSION_END.
 */
export const EXTENSION_START = 0
export const EXTENSION_END = 1
export const EXTENSION_FAULT = 2
const NAME = 3
const VALUE_START = 4
const TOKEN_VALUE = 5
const QUOTED = 6
const ESCAPED = 7
const QUOTED_END = 8

const QUOTE = 34
const EQUALS = 61
const BACKSLASH = 92

/** State after one more byte; the first byte after the `;` meets EXTENSION_START. */
export function nextExtensionState(state: number, byte: number): number {
  switch (state) {
    case EXTENSION_START:
      return tokenState(byte, NAME)
    case NAME:
      if (TOKEN[byte] !== 0) return NAME
      return byte === EQUALS ? VALUE_START : afterExtension(byte)
    case VALUE_START:
      return byte === QUOTE ? QUOTED : tokenState(byte, TOKEN_VALUE)
    case TOKEN_VALUE:
      return TOKEN[byte] === 0 ? afterExtension(byte) : TOKEN_VALUE
    case QUOTED:
      if (byte === QUOTE) return QUOTED_END
      return byte === BACKSLASH ? ESCAPED : quotedState(byte)
    case ESCAPED:
      return quotedState(byte)
    default:
      return afterExtension(byte)
  }
}

function tokenState(byte: number, state: number): number {
  return TOKEN[byte] === 0 ? EXTENSION_FAULT : state
}

function quotedState(byte: number): number {
  return VALUE[byte] === 1 && byte !== HTAB ? QUOTED : EXTENSION_FAULT
}

function afterExtension(byte: number): number {
  if (byte === CR) return EXTENSION_END
  return byte === SEMICOLON ? EXTENSION_START : EXTENSION_FAULT
}
