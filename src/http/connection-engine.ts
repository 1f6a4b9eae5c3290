import type { ClientConnection } from '../model/http-message.ts'
import type { ExchangeHandler } from './exchange.ts'
import type { HttpExchange } from './http-exchange.ts'
import type { HttpLimits } from './limits.ts'
import type { Refusal } from './refusal.ts'

/** What a connection needs of its engine. Time is counted in ticks of the engine's sweep. */
export interface ConnectionEngine {
  readonly limits: HttpLimits
  readonly handler: ExchangeHandler
  /** The tick we are at. */
  readonly now: number
  readonly draining: boolean
  readonly allowKeepAlive: boolean
  /** The first tick at which `timeoutMs` from now have passed. */
  deadline(timeoutMs: number): number
  dateLine(): string
  flushLater(exchange: HttpExchange): void
  exchangeBegan(): void
  exchangeEnded(): void
  /** `begun`: the handler had the request already. */
  refused(refusal: Refusal, connection: ClientConnection, begun: boolean): void
  handlerFailed(error: unknown): void
  connectionClosed(connection: object): void
}
