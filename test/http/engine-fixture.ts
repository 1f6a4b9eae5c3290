import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { Exchange, ExchangeHandler } from '../../src/http/exchange.ts'
import {
  createHttpEngine,
  type HttpEngine,
  type HttpEngineOptions,
} from '../../src/http/http-engine.ts'
import type { BodySink, BodySource, RawHeaders } from '../../src/model/http-message.ts'

const WAIT_MS = 5_000

export interface EngineFixture {
  engine: HttpEngine
  port: number
  refusals: { status: number; reason: string }[]
  errors: unknown[]
  client(): Promise<RawClient>
  /** Sends bytes, shuts its side if asked to, and returns all that comes until the connection ends. */
  talk(bytes: string | Buffer, options?: { halfClose?: boolean }): Promise<string>
}

/** An engine behind a listener on loopback, gone with the test. */
export async function startEngine(
  t: Pick<TestContext, 'after'>,
  handler: ExchangeHandler,
  options: HttpEngineOptions = {},
): Promise<EngineFixture> {
  const refusals: EngineFixture['refusals'] = []
  const errors: unknown[] = []
  const engine = createHttpEngine(
    {
      ...options,
      onRefused: ({ status, reason }) => refusals.push({ status, reason }),
      onHandlerError: (error) => errors.push(error),
    },
    handler,
  )
  const server = createServer({ pauseOnConnect: true }, (socket) => engine.accept(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  t.after(() => {
    engine.stop()
    server.close()
  })
  const client = () => RawClient.open(port, t)
  const talk = async (bytes: string | Buffer, { halfClose = false } = {}) => {
    const raw = await client()
    raw.send(bytes)
    if (halfClose) raw.socket.end()
    await raw.ended()
    return raw.received
  }
  return { engine, port, refusals, errors, client, talk }
}

/** A client that sees bytes, not messages. */
export class RawClient {
  readonly socket: Socket
  received = ''
  closed = false
  reset = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.received += text
    })
    socket.on('end', () => {
      this.closed = true
    })
    socket.on('error', () => {
      this.reset = true
    })
    socket.on('close', () => {
      this.closed = true
    })
  }

  static async open(port: number, t: Pick<TestContext, 'after'>): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    await once(socket, 'connect')
    t.after(() => socket.destroy())
    return new RawClient(socket)
  }

  send(bytes: string | Buffer): void {
    if (typeof bytes === 'string') this.socket.write(bytes, 'latin1')
    else this.socket.write(bytes)
  }

  /** Waits until what was received satisfies `isEnough`. */
  async until(isEnough: (received: string) => boolean): Promise<string> {
    const signal = AbortSignal.timeout(WAIT_MS)
    while (!isEnough(this.received)) {
      if (this.closed) throw new Error(`closed after: ${this.received}`)
      await Promise.race([
        once(this.socket, 'data', { signal }),
        once(this.socket, 'close', { signal }),
        once(this.socket, 'end', { signal }),
      ])
    }
    return this.received
  }

  /** Waits until the other side has shut the connection, then shuts ours. */
  async ended(): Promise<void> {
    const signal = AbortSignal.timeout(WAIT_MS)
    while (!this.closed) {
      const next = Promise.race([
        once(this.socket, 'end', { signal }),
        once(this.socket, 'close', { signal }),
      ])
      // A reset is an end too; `reset` tells it apart.
      await next.catch((error: NodeJS.ErrnoException) => assert.equal(error.code, 'ECONNRESET'))
    }
    this.socket.destroy()
  }
}

export interface ReadBody {
  body: Buffer
  trailers: RawHeaders
  error: Error | undefined
}

/** Reads a body to its end, or to its error. */
export function readBody(source: BodySource | undefined): Promise<ReadBody> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const done = (trailers: RawHeaders, error?: Error) =>
      resolve({ body: Buffer.concat(chunks), trailers, error })
    const sink: BodySink = {
      onData(chunk) {
        // Copied: what a sink is given may be moved within later.
        chunks.push(Buffer.from(chunk))
        return true
      },
      onEnd: (trailers) => done(trailers),
      onError: (error) => done([], error),
    }
    if (source === undefined) done([])
    else source.start(sink)
  })
}

/** Answers with what it was sent. */
export function echo(exchange: Exchange): void {
  void readBody(exchange.body).then(({ body, error }) => {
    if (error === undefined) exchange.reply(200, ['X-Target', exchange.target], body)
  })
}

/** Answers 200 `ok` at once and ignores the body. */
export function ok(exchange: Exchange): void {
  exchange.reply(200, [], 'ok')
}

export function countOf(text: string, part: string): number {
  return text.split(part).length - 1
}
