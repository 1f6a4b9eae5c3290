import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, METHODS } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { type ParsedRequest, parseText } from './parse-bytes.ts'

// node:http is another reader of the same bytes, lenient where we are strict. What it refuses we
// refuse; what both accept must mean the same, message by message.

type Seen = Pick<ParsedRequest, 'method' | 'target' | 'headers' | 'trailers'> & {
  body: string | undefined
}

const SEEDS = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: b\r\n\r\n',
  'POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;a=b\r\nx\r\n0\r\nT: u\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n',
  'PUT /?q=1 HTTP/1.1\r\nHost: a:80\r\nA:  b \r\nB: c, d\r\nA: e\r\nConnection: close\r\n\r\nGET /never HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello',
]
const INSERTS = [
  ...['', ' ', '\t', '\r', '\n', '\r\n', '\r\n ', ':', ';', ',', '0', '1', 'f', '+', '-', '"', '='],
  ...[
    '\0',
    '\x0b',
    '\x7f',
    '\x80',
    '\xff',
    '#',
    '/',
    '\\',
    'x',
    'X',
    'A: b\r\n',
    '\r\n\r\n',
    '0\r\n\r\n',
  ],
  ...['Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: x\r\n', 'Content-Length: 1\r\n'],
  ...['Host: b\r\n', 'Connection: close\r\n', 'HTTP/1.1', 'HTTP/1.0', 'chunked', '5\r\nhello\r\n'],
]

async function startNode(t: {
  after(fn: () => void): void
}): Promise<(text: string) => Promise<Seen[]>> {
  const seen = new Map<number, { request: IncomingMessage; body: string | undefined }[]>()
  const server = createServer({ insecureHTTPParser: false }, (request, response) => {
    const entry: { request: IncomingMessage; body: string | undefined } = {
      request,
      body: undefined,
    }
    seen.get(request.socket.remotePort ?? 0)?.push(entry)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('error', () => undefined)
    request.on('end', () => {
      entry.body = Buffer.concat(chunks).toString('latin1')
      response.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return async (text) => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const key = socket.localPort ?? 0
    const entries: { request: IncomingMessage; body: string | undefined }[] = []
    seen.set(key, entries)
    socket.on('error', () => undefined)
    socket.resume()
    socket.end(text, 'latin1')
    await once(socket, 'close')
    seen.delete(key)
    return entries.filter(({ request }) => request.complete).map(asSeen)
  }
}

/** A message may be complete and its body lost, when what follows it is a fault: then the body is unknown. */
function asSeen({ request, body }: { request: IncomingMessage; body: string | undefined }): Seen {
  return {
    method: request.method ?? '',
    target: request.url ?? '',
    headers: request.rawHeaders,
    body,
    trailers: request.rawTrailers,
  }
}

function seenByUs(text: string): Seen[] {
  const requests: Seen[] = []
  for (const parsed of parseText(text, { underscoresInHeaders: 'allow' }).requests) {
    if (!parsed.complete) break
    const { method, target, headers, body, trailers, keepAlive } = parsed
    requests.push({ method, target, headers, body, trailers })
    if (!keepAlive) break
  }
  return requests
}

function assertStricter(text: string, ours: readonly Seen[], theirs: readonly Seen[]): void {
  for (const [i, request] of ours.entries()) {
    // Node knows a fixed list of methods; a gateway passes on every token.
    if (!METHODS.includes(request.method)) return
    const other = theirs[i]
    // An absolute-form target is reduced by us only.
    const target = other?.target.replace(/^https?:\/\/[^/?]*/i, '') ?? ''
    const expected = other && { ...other, target: target.startsWith('/') ? target : `/${target}` }
    if (request.target === '*' && expected) expected.target = '*'
    const known = expected?.body === undefined ? { ...request, body: undefined } : request
    assert.deepEqual(known, expected, JSON.stringify(text))
  }
}

suite('against node:http', () => {
  test('accepts nothing that it refuses, and reads the rest the same', async (t) => {
    const ask = await startNode(t)
    const edit = fc.record({
      at: fc.nat(400),
      remove: fc.constantFrom(0, 0, 0, 1, 1, 2, 8),
      insert: fc.constantFrom(...INSERTS),
    })
    let accepted = 0
    const property = fc.asyncProperty(
      fc.constantFrom(...SEEDS),
      fc.array(edit, { maxLength: 3 }),
      async (seed, edits) => {
        let text = seed
        for (const { at, remove, insert } of edits) {
          const i = at % (text.length + 1)
          text = text.slice(0, i) + insert + text.slice(i + remove)
        }
        const ours = seenByUs(text)
        accepted += ours.length
        assertStricter(text, ours, await ask(text))
      },
    )
    await fc.assert(property, { numRuns: 1_500 })
    assert.ok(accepted > 100, 'the test compares something')
  })
})
