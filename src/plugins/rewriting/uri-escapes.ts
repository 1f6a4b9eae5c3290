/** What nginx's ngx_escape_uri (NGX_ESCAPE_URI) escapes, the percent sign and the question mark included. */
const UNSAFE = /(?:[^\x21-\x7e]|["#%<>?\\^`{|}])+/g
const NOT_VISIBLE = /[^\x21-\x7e]+/g
const CONTROLS = /[^\x20-\x7e\x80-\u{10ffff}]+/gu

/** A decoded path as it goes on the wire: each escape that is in it is taken for text, and escaped. */
export function encodePath(path: string): string {
  return path.replaceAll(UNSAFE, encodeBytes)
}

/** Escapes what can't stand in a request line: white space, control characters, anything beyond ASCII. */
export function encodeInvisible(text: string): string {
  return text.replaceAll(NOT_VISIBLE, encodeBytes)
}

/** Escapes control characters: for a Location. */
export function encodeControls(text: string): string {
  return text.replaceAll(CONTROLS, encodeBytes)
}

/** Browsers take a backslash for a slash, and `/\host` for another host; a client may have sent it. */
export function encodeBackslashes(text: string): string {
  return text.replaceAll('\\', '%5C')
}

function encodeBytes(text: string): string {
  let result = ''
  for (const byte of Buffer.from(text, 'utf8')) {
    result += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return result
}
