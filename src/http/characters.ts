// Classes of bytes as tables: one load per byte instead of a chain of comparisons.

export const CR = 13
export const LF = 10
export const SP = 32
export const HTAB = 9
export const COLON = 58
export const SEMICOLON = 59
/** Value of TOKEN for `_`, so that a scan can collect "saw an underscore" for free. */
export const UNDERSCORE_CLASS = 2

function tableOf(isMember: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (isMember(byte) ? 1 : 0))
}

function isAlphanumeric(byte: number): boolean {
  return (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122)
}

/** `tchar` of RFC 9110 section 5.6.2: non-zero for members. */
export const TOKEN = tableOf(
  (byte) => isAlphanumeric(byte) || "!#$%&'*+-.^`|~".includes(String.fromCharCode(byte)),
)
TOKEN[95] = UNDERSCORE_CLASS

/**
 * Request target: visible ASCII but `#`. Wider than RFC 3986: `"<>^{|}` arrive raw in the queries
 * of real clients and every peer takes them; none of them can end or split a line.
 */
export const TARGET = tableOf((byte) => byte > 32 && byte < 127 && byte !== 35)

/** Field value: HTAB, SP, visible ASCII, obs-text (RFC 9110 section 5.5). */
export const VALUE = tableOf((byte) => byte === HTAB || (byte >= 32 && byte !== 127))

/** Registered names and IPv4 addresses: `unreserved` of RFC 3986; no escapes, no `sub-delims`. */
export const HOST = tableOf(
  (byte) => isAlphanumeric(byte) || '-._~'.includes(String.fromCharCode(byte)),
)

/** Value of a hexadecimal digit, 255 for anything else. */
export const HEX = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = Number.parseInt(String.fromCharCode(byte), 16)
  return Number.isNaN(value) ? 255 : value
})
