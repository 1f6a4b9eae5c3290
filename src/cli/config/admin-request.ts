import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { Readable } from 'node:stream'
import { text as readText } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'

const CHUNK_BYTES = 64 * 1024
/** Longer than any transaction of a sane size takes. */
const SILENCE_MS = 300_000

/** One question to the Admin API. */
export interface AdminQuestion {
  method: 'GET' | 'POST'
  url: URL
  headers: Record<string, string>
  body?: Buffer
  /** Told how much of the body has left. */
  onSent?: (bytes: number, of: number) => void
}

export interface AdminReply {
  status: number
  headers: NodeJS.Dict<string | string[]>
  text: string
}

/** Asks and waits for the whole answer. node:http, not fetch: it tells how much of a body has left. */
export async function askAdmin(question: AdminQuestion): Promise<AdminReply> {
  const { method, url, headers, body, onSent = () => {} } = question
  const length = body === undefined ? {} : { 'content-length': String(body.length) }
  const options = { method, headers: { ...headers, ...length }, agent: false }
  const outgoing =
    url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options)
  outgoing.setTimeout(SILENCE_MS, () =>
    outgoing.destroy(new Error(`it is silent for ${SILENCE_MS / 1000} s`)),
  )
  const answered = new Promise<AdminReply>((resolve, reject) => {
    outgoing.on('error', reject)
    outgoing.on('response', (response) => {
      readText(response).then((text) => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
      }, reject)
    })
  })
  if (body === undefined) outgoing.end()
  // An answer may come before all is sent: a refusal. It says more than the broken pipe.
  else pipeline(Readable.from(chunksOf(body, onSent)), outgoing).catch(() => {})
  return answered
}

function* chunksOf(body: Buffer, onSent: (bytes: number, of: number) => void) {
  for (let at = 0; at < body.length; at += CHUNK_BYTES) {
    yield body.subarray(at, at + CHUNK_BYTES)
    onSent(Math.min(at + CHUNK_BYTES, body.length), body.length)
  }
}
