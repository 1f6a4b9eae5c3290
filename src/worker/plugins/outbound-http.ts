import type { Agent as UndiciAgent } from 'undici'
import type { OutboundHttp, OutboundRequest, OutboundResponse } from '../../plugins/contract.ts'
import { Agent } from '../../upstream/undici.ts'

const CONNECTIONS_PER_ORIGIN = 64
const DEFAULT_TIMEOUT_MS = 60_000
const MAX_ANSWER_BYTES = 1024 * 1024

/** HTTP for plugins: connections are kept and shared by all of a worker's plugins, by origin. */
export function createOutboundHttp(): OutboundHttp {
  let verifying: UndiciAgent | undefined
  let trusting: UndiciAgent | undefined

  function agentFor(verifyTls: boolean): UndiciAgent {
    if (verifyTls) {
      verifying ??= new Agent({ connections: CONNECTIONS_PER_ORIGIN })
      return verifying
    }
    const connect = { rejectUnauthorized: false }
    trusting ??= new Agent({ connections: CONNECTIONS_PER_ORIGIN, connect })
    return trusting
  }

  async function send(outbound: OutboundRequest): Promise<OutboundResponse> {
    const { timeoutMs = DEFAULT_TIMEOUT_MS, verifyTls = true } = outbound
    const url = new URL(outbound.url)
    const {
      statusCode: status,
      headers,
      body,
    } = await agentFor(verifyTls).request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: (outbound.method ?? 'GET') as 'GET',
      headers: outbound.headers ?? [],
      body: outbound.body ?? null,
      signal: AbortSignal.timeout(timeoutMs),
      maxRedirections: 0,
    } as Parameters<UndiciAgent['request']>[0])
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > MAX_ANSWER_BYTES)
        throw new Error(`answered with more than ${MAX_ANSWER_BYTES} bytes`)
      chunks.push(chunk)
    }
    return { status, headers, body: Buffer.concat(chunks) }
  }

  return { send }
}
