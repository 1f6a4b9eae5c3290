/** What to do with a field name that holds an underscore (`X_User` and `X-User` are one to CGI-like nodes). */
export type UnderscorePolicy = 'reject' | 'drop' | 'allow'

/** Bounds of what one client may send or withhold. */
export interface HttpLimits {
  /** Request line and fields together; beyond: 431. */
  maxHeaderBytes: number
  /** Field lines of a head, and of a trailer section; beyond: 431. */
  maxHeaders: number
  /** Request target; beyond: 414. */
  maxUrlBytes: number
  /** Body after decoding; 0 = no limit; beyond: 413. */
  maxBodyBytes: number
  maxTrailerBytes: number
  /** All chunk extensions of one body together. */
  maxChunkExtensionBytes: number
  /** For a whole head, from its first byte (or from the accept): 408. */
  headerTimeoutMs: number
  /** Between two pieces of a request body: 408, or a cut when the response has begun. */
  bodyTimeoutMs: number
  keepAliveTimeoutMs: number
  /** The client takes nothing while we have something to send: a cut. */
  sendTimeoutMs: number
  /** A client that has shut its side and was sent nothing since is taken to have left: the exchange is aborted. 0 = at once. */
  halfCloseTimeoutMs: number
  /** How long a closing connection stays readable, so that the client sees the answer, not a reset. */
  lingerTimeoutMs: number
  /** How long a drain spares a connection that was busy a moment ago: its next request may be on the wire. */
  drainGraceMs: number
  maxRequestsPerConnection: number
  underscoresInHeaders: UnderscorePolicy
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  maxHeaderBytes: 32_768,
  maxHeaders: 100,
  maxUrlBytes: 8_192,
  maxBodyBytes: 0,
  maxTrailerBytes: 8_192,
  maxChunkExtensionBytes: 16_384,
  headerTimeoutMs: 10_000,
  bodyTimeoutMs: 30_000,
  keepAliveTimeoutMs: 60_000,
  sendTimeoutMs: 30_000,
  halfCloseTimeoutMs: 1_000,
  lingerTimeoutMs: 1_000,
  drainGraceMs: 1_000,
  maxRequestsPerConnection: 10_000,
  underscoresInHeaders: 'reject',
}
