import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Logger } from 'pino'
import { TimeSlice } from '../../support/time-slice.ts'
import type { ListenAddress } from '../acceptor.ts'
import { type HttpListener, listenHttp } from '../http-listener.ts'
import { type ControlAnswer, refuse } from './control-answer.ts'
import { answerControl, type ControlParts } from './control-endpoints.ts'

/** How often a taken address is tried again: a predecessor may be about to leave it. */
const RETRY_MS = 1_000
const CHUNK_CHARS = 64 * 1024

/** APISIX's control API, for operators of one instance. */
export interface ControlApi {
  /** Undefined while it does not listen. */
  readonly address: ListenAddress | undefined
  close(): void
}

/**
 * Serves `/v1/…` on the address. An address that can't be had is no reason not to serve traffic: it
 * is tried again until it can.
 */
export function startControlApi(
  address: ListenAddress,
  parts: ControlParts,
  log: Logger,
): ControlApi {
  let listener: HttpListener | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let warned = false

  async function listen(): Promise<void> {
    try {
      const opened = await listenHttp(address, undefined, (request, response) => {
        serve(parts, request, response).catch((err: unknown) => {
          log.error({ err, url: request.url }, 'control API can not answer')
          if (!response.headersSent) response.writeHead(500)
          response.end()
        })
      })
      if (closed) opened.close()
      else listener = opened
      log.info({ address: opened.address }, 'control API listening')
    } catch (err) {
      if (!warned) log.warn({ err, address }, 'control API can not listen, trying again')
      warned = true
      if (!closed) timer = setTimeout(() => void listen(), RETRY_MS).unref()
    }
  }
  void listen()

  return {
    get address() {
      return listener?.address
    },
    close() {
      closed = true
      clearTimeout(timer)
      listener?.close()
    },
  }
}

async function serve(
  parts: ControlParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = answerRequest(parts, request)
  const { status, items, body } = answer
  const isJson = items !== undefined || typeof body === 'object'
  const text = textOf(answer)
  const type = answer.contentType ?? (isJson ? 'application/json' : 'text/plain')
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
  if (request.method === 'HEAD') response.end()
  else if (items === undefined) response.end(text)
  // Whoever asked may leave before the end.
  else await pipeline(Readable.from(encodeItems(items)), response).catch(() => {})
}

function answerRequest(parts: ControlParts, request: IncomingMessage): ControlAnswer {
  const { url = '', method = 'GET', headers } = request
  const decoded = decodeSegments(url.replace(/\?.*$/, ''))
  if (decoded === undefined) return refuse(400, 'invalid escape in the path')
  const [version, ...segments] = decoded
  const html = headers.accept?.includes('text/html') === true
  return answerControl(parts, { method, segments: version === 'v1' ? segments : [], html })
}

/** Undefined if the path can't be decoded. */
function decodeSegments(path: string): string[] | undefined {
  try {
    return path.split('/').slice(1).map(decodeURIComponent)
  } catch {
    return undefined
  }
}

function textOf({ body = '' }: ControlAnswer): string {
  return typeof body === 'string' ? body : `${JSON.stringify(body)}\n`
}

/** A list as JSON, in pieces, with pauses for other work. */
async function* encodeItems(items: Iterable<unknown>): AsyncGenerator<string> {
  const slice = new TimeSlice()
  let text = '['
  let separator = ''
  for (const item of items) {
    text += separator + JSON.stringify(item)
    separator = ','
    if (text.length >= CHUNK_CHARS) {
      yield text
      text = ''
    }
    if (slice.due) await slice.pause()
  }
  yield `${text}]\n`
}
