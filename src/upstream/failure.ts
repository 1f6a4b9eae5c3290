import { UpstreamError } from '../model/errors.ts'

/** How far a request had come when it failed. */
export interface Progress {
  /** Bytes of the request may have left. */
  readonly sent: boolean
}

/**
 * What an error of undici or of a socket means for the request. Messages name the node: they are
 * for our log, never for a client.
 */
export function toUpstreamError(error: Error, node: string, { sent }: Progress): UpstreamError {
  if (error instanceof UpstreamError) return error
  const code = codeOf(error)
  const safeToRetry = !sent
  const options = { cause: error, safeToRetry }
  if (UNSENDABLE.has(code)) {
    // Nothing was sent, but no other node would get it either.
    const message = `request can't be sent: ${error.message}`
    return new UpstreamError('GW_UPSTREAM_PROTOCOL', message, { cause: error, safeToRetry: false })
  }
  if (TIMEOUTS.has(code)) {
    const what = sent ? 'did not answer in time' : 'did not accept a connection in time'
    return new UpstreamError('GW_UPSTREAM_TIMEOUT', `${node} ${what}`, options)
  }
  if (!sent && LOCAL_LIMITS.has(code)) {
    return new UpstreamError(
      'GW_UPSTREAM_LOCAL_LIMIT',
      `no connection to ${node}: ${code}`,
      options,
    )
  }
  if (!sent) {
    const reason = code || error.message
    return new UpstreamError('GW_UPSTREAM_CONNECT', `can't connect to ${node}: ${reason}`, options)
  }
  if (error.name === 'HTTPParserError' || UNPARSABLE.has(code)) {
    const message = `${node} sent what is no HTTP/1.1 response: ${error.message}`
    return new UpstreamError('GW_UPSTREAM_PROTOCOL', message, options)
  }
  return new UpstreamError('GW_UPSTREAM_RESET', `${node} broke off: ${error.message}`, options)
}

const UNSENDABLE = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
])

/** The machine, not the node, has run out of file descriptors, ports or buffers. */
const LOCAL_LIMITS = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM'])

const TIMEOUTS = new Set([
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
])

const UNPARSABLE = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'])

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}
