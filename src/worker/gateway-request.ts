import { randomBytes } from 'node:crypto'
import type { Exchange } from '../http/exchange.ts'
import { endToEndHeaders } from '../http/forwarding.ts'
import type { BodySource, ClientConnection, RawHeaders } from '../model/http-message.ts'
import type { ConsumerFacts, RouteFacts, UpstreamFacts } from '../model/request-context.ts'
import { fieldValue } from '../support/header-fields.ts'
import type { BodyBudget } from './body-budget.ts'
import {
  type BodyObserver,
  bodyFromMemory,
  failedBody,
  limitedBody,
  observedBody,
  RequestTooLargeError,
  readWhole,
} from './buffered-body.ts'
import type { Identified } from './plugins/attach-consumer.ts'
import type { StoredEntry } from './plugins/consumer-store.ts'
import type { WorkerUpstreamHandle } from './plugins/plugin-upstreams.ts'
import { toBytes } from './plugins/reply-head.ts'
import { parseArgs, parseCookies } from './request-values.ts'
import type { RoutePlan } from './route-plan.ts'
import { UpstreamRecord } from './upstream-record.ts'

/** One request in a worker: see RequestContext. Whatever few requests need is made on first use. */
export class GatewayRequest implements Identified {
  readonly exchange: Exchange
  readonly path: string
  readonly host: string
  readonly trusted: boolean
  method: string
  forwardPath: string | undefined
  forwardHost: string | undefined
  forwardUpstream: WorkerUpstreamHandle | undefined
  identity: StoredEntry | undefined
  plan: RoutePlan | undefined
  responseHeaders: RawHeaders | undefined
  /** The head that plugins are about to change; its status counts until one has left. */
  responseHead: { readonly status: number } | undefined
  /** Write down every attempt, also those that went well. */
  recording = false
  answeredByNode = false
  bodyBytes: Buffer | undefined
  readonly #budget: BodyBudget
  /** Of the budget. */
  #heldBytes = 0
  #over = false
  #id: string | undefined
  #body: BodySource | undefined
  /** Under way, or over: a body flows once, whoever asks for it. */
  #reading: Promise<Buffer> | undefined
  #headers: RawHeaders | undefined
  #remoteAddress: string | undefined
  #remotePort: number | undefined
  #query: string | undefined
  #args: ReadonlyMap<string, readonly string[]> | undefined
  #cookies: ReadonlyMap<string, string> | undefined
  #variables: Map<string, string> | undefined
  #upstream: UpstreamRecord | undefined

  /** @param budget What `readBody` may hold in memory. */
  constructor(
    exchange: Exchange,
    path: string,
    host: string,
    trusted: boolean,
    budget: BodyBudget,
  ) {
    this.exchange = exchange
    this.path = path
    this.host = host
    this.trusted = trusted
    this.method = exchange.method
    this.#body = exchange.body
    this.#budget = budget
  }

  get id(): string {
    this.#id ??= randomBytes(16).toString('hex')
    return this.#id
  }

  get connection(): ClientConnection {
    return this.exchange.connection
  }

  get httpVersion(): Exchange['httpVersion'] {
    return this.exchange.httpVersion
  }

  get target(): string {
    return this.exchange.target
  }

  get authority(): string {
    return this.exchange.authority
  }

  get startedAt(): number {
    return this.exchange.startedAt
  }

  get receivedHeaders(): RawHeaders {
    return this.exchange.headers
  }

  get status(): number {
    return this.exchange.status || (this.responseHead?.status ?? 0)
  }

  get requestLength(): number {
    return this.exchange.bytesReceived
  }

  get bytesSent(): number {
    return this.exchange.bytesSent
  }

  get headBytesSent(): number {
    return this.exchange.headBytes
  }

  get scheme(): string {
    if (!this.trusted) return this.connection.encrypted ? 'https' : 'http'
    const forwarded = fieldValue(this.receivedHeaders, 'x-forwarded-proto')
    return forwarded ?? (this.connection.encrypted ? 'https' : 'http')
  }

  get remoteAddress(): string {
    return this.#remoteAddress ?? this.connection.remoteAddress
  }

  set remoteAddress(address: string) {
    this.#remoteAddress = address
  }

  get remotePort(): number {
    return this.#remotePort ?? this.connection.remotePort
  }

  set remotePort(port: number) {
    this.#remotePort = port
  }

  get query(): string {
    if (this.#query === undefined) {
      const mark = this.target.indexOf('?')
      this.#query = mark === -1 ? '' : this.target.slice(mark + 1)
    }
    return this.#query
  }

  set query(query: string) {
    this.#query = query
    this.#args = undefined
    this.forwardPath ??= rawPath(this.target)
  }

  /** What goes on the wire to the node. */
  get forwardTarget(): string {
    if (this.forwardPath === undefined) return this.target
    return this.query === '' ? this.forwardPath : `${this.forwardPath}?${this.query}`
  }

  get headers(): RawHeaders {
    this.#headers ??= endToEndHeaders(this.exchange.headers)
    return this.#headers
  }

  /** True once somebody looked at `headers`, and may have changed them. */
  get hasOwnHeaders(): boolean {
    return this.#headers !== undefined
  }

  get args(): ReadonlyMap<string, readonly string[]> {
    this.#args ??= parseArgs(this.query)
    return this.#args
  }

  get cookies(): ReadonlyMap<string, string> {
    this.#cookies ??= parseCookies(this.receivedHeaders)
    return this.#cookies
  }

  get hasBody(): boolean {
    return this.#body !== undefined
  }

  /** The body is not read yet, and not announced as larger than what may be held. */
  get mayReadBody(): boolean {
    const body = this.#body
    if (body === undefined || this.bodyBytes !== undefined) return false
    return (body.length ?? 0) <= this.#budget.maxBodyBytes
  }

  get body(): BodySource | undefined {
    return this.#body
  }

  get route(): RouteFacts | undefined {
    return this.plan?.facts
  }

  get consumer(): ConsumerFacts | undefined {
    return this.identity?.consumer
  }

  get upstream(): UpstreamFacts {
    return this.upstreamRecord
  }

  get upstreamRecord(): UpstreamRecord {
    this.#upstream ??= new UpstreamRecord()
    return this.#upstream
  }

  /** Hears of each attempt. One that no plugin and no header will tell of is not written down. */
  noteAttempt(node: string, status: number, name: string | undefined): void {
    if (this.recording || status >= 500 || this.#upstream !== undefined) {
      this.upstreamRecord.noteAttempt(node, status, name)
    }
  }

  async readBody(maxBytes = this.#budget.maxBodyBytes): Promise<Buffer> {
    if (this.bodyBytes !== undefined) return this.bodyBytes
    const body = this.#body
    if (body === undefined) return Buffer.alloc(0)
    const limit = Math.min(maxBytes, this.#budget.maxBodyBytes)
    if (body.length !== undefined && body.length > limit) throw new RequestTooLargeError(limit)
    this.#reading ??= this.#readWhole(body, limit)
    return this.#reading
  }

  async #readWhole(body: BodySource, limit: number): Promise<Buffer> {
    try {
      const bytes = await readWhole(body, limit, (size) => this.holdMemory(size))
      // Unless somebody has put another body in place meanwhile.
      if (this.bodyBytes === undefined) this.replaceBody(bytes)
      return this.bodyBytes ?? bytes
    } catch (error) {
      if (this.bodyBytes === undefined) this.#body = failedBody(body.length, error as Error)
      throw error
    }
  }

  limitBody(maxBytes: number): void {
    if (this.#body !== undefined) this.#body = limitedBody(this.#body, maxBytes)
  }

  replaceBody(body: Buffer): void {
    const bytes = toBytes(body)
    this.bodyBytes = bytes
    this.#body = bodyFromMemory(bytes)
  }

  observeBody(observer: BodyObserver): void {
    if (this.#body !== undefined) this.#body = observedBody(this.#body, observer)
  }

  holdMemory(bytes: number): boolean {
    // Nobody would give it back.
    if (this.#over || !this.#budget.take(bytes, this.#heldBytes)) return false
    this.#heldBytes += bytes
    return true
  }

  /** The exchange is over: what it held of the budget is others'. */
  release(): void {
    this.#over = true
    if (this.#heldBytes > 0) this.#budget.giveBack(this.#heldBytes)
    this.#heldBytes = 0
  }

  getVariable(name: string): string | undefined {
    return this.#variables?.get(name)
  }

  setVariable(name: string, value: string): void {
    this.#variables ??= new Map()
    this.#variables.set(name, value)
  }
}

function rawPath(target: string): string {
  const mark = target.indexOf('?')
  return mark === -1 ? target : target.slice(0, mark)
}
