import { STATUS_CODES } from '../support/node-http.ts'
import type { Refusal } from './refusal.ts'

/** What the client is told, in ASCII. */
export function refusalBody({ reason }: Refusal): string {
  return `${JSON.stringify({ error_msg: reason })}\n`
}

/** A whole response that closes the connection. `dateLine` is a complete header line. */
export function refusalMessage(refusal: Refusal, isHead: boolean, dateLine: string): string {
  const body = refusalBody(refusal)
  return (
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n` +
    `${dateLine}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n` +
    `Connection: close\r\n\r\n${isHead ? '' : body}`
  )
}
