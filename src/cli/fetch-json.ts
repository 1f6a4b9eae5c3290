import { request } from 'node:http'
import type { ListenAddress } from '../settings/listen-address.ts'

/** More than any answer of a status server. */
const MAX_BODY_BYTES = 4 * 1024 * 1024

export interface JsonAnswer {
  status: number
  body: Record<string, unknown>
}

/**
 * Gets a JSON object from a server that listens on `address`, within `timeoutMs` in all; rejects with
 * the reason. node:http, not fetch: it ignores proxies and starts 30 ms faster.
 */
export function fetchJson(
  address: ListenAddress,
  path: string,
  timeoutMs: number,
  method = 'GET',
): Promise<JsonAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<JsonAnswer>()
  const options = {
    ...reachable(address),
    path,
    method,
    agent: false,
    signal: AbortSignal.timeout(timeoutMs),
  }
  const outgoing = request(options, (response) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('error', reject)
    response.on('data', (chunk: string) => {
      text += chunk
      if (text.length > MAX_BODY_BYTES) response.destroy(new Error('the answer is too long'))
    })
    response.on('end', () => {
      const body = parseObject(text)
      if (body === undefined) reject(new Error('the answer is not a JSON object'))
      else resolve({ status: response.statusCode ?? 0, body })
    })
  })
  outgoing.on('error', (error) => {
    reject(error.name === 'AbortError' ? new Error(`no answer within ${timeoutMs} ms`) : error)
  })
  outgoing.end()
  return promise
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** One listens on all addresses, but one connects to a single one. */
export function reachable({ host, port }: ListenAddress): { host: string; port: number } {
  if (host === '0.0.0.0') return { host: '127.0.0.1', port }
  if (host === '::') return { host: 'localhost', port }
  return { host, port }
}
