/** What the Admin API says to one request. */
export interface Answer {
  status: number
  body: unknown
  headers?: Record<string, string>
  /** The revision that the request wrote, if it wrote one. */
  written?: number
}

/** An answer that nothing was done, and why. */
export function refusal(status: number, reason: string): Answer {
  return { status, body: { error_msg: reason } }
}

/** APISIX's words for an object that does not exist. */
export function keyNotFound(): Answer {
  return { status: 404, body: { message: 'Key not found' } }
}
