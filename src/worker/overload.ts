import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Exchange, ExchangeHandler } from '../http/exchange.ts'

const TICK_MS = 250
const NANOSECONDS_PER_MS = 1_000_000
/** The share of requests shed moves by this much per tick: from none to all but a few in 2.5 s. */
const STEP = 0.1
/** Some are let through at any time: they show when it is over. */
const MAX_SHARE = 0.95
/** Below this part of the bound the overload is over; between the two nothing changes. */
const RELAX_AT = 0.7
/** Ticks above the bound before anything is done: one long turn is no overload. */
const PATIENCE = 2

/** Why a request or a connection was turned away. */
export type ShedReason = 'pending-requests' | 'event-loop' | 'connections'

interface OverloadOptions {
  /** Mean delay of the event loop that is too much, in milliseconds; 0 = never. */
  maxLoopDelayMs: number
  maxPendingRequests: number
  pendingRequests: () => number
  /** The overload begins, or is over. */
  onChange: (overloaded: boolean) => void
}

/**
 * Watches the delay of the event loop, four times a second, and says what to shed.
 *
 * calm -2 ticks above the bound-> overloaded (idle connections closed, no keep-alive), then a share
 * of the new requests is shed that grows while the delay is above the bound and shrinks below 70 %
 * of it -share back at 0-> calm
 */
export class OverloadGuard {
  readonly #options: OverloadOptions
  readonly #loopDelay = monitorEventLoopDelay({ resolution: 10 })
  readonly #timer: NodeJS.Timeout | undefined
  #ticksAbove = 0
  #overloaded = false
  #share = 0

  constructor(options: OverloadOptions) {
    this.#options = options
    if (options.maxLoopDelayMs === 0) return
    this.#loopDelay.enable()
    this.#timer = setInterval(() => {
      const meanMs = this.#loopDelay.mean / NANOSECONDS_PER_MS
      this.#loopDelay.reset()
      // Not a number without a sample: the loop turned too seldom for one.
      this.judge(Number.isNaN(meanMs) ? TICK_MS : meanMs)
    }, TICK_MS).unref()
  }

  get overloaded(): boolean {
    return this.#overloaded
  }

  /** Share of the new requests to shed, 0 to 1. */
  get share(): number {
    return this.#share
  }

  /** Why the request that has just begun is to be shed; undefined = it is not. */
  reason(): ShedReason | undefined {
    if (this.#options.pendingRequests() > this.#options.maxPendingRequests) {
      return 'pending-requests'
    }
    return this.#share > 0 && Math.random() < this.#share ? 'event-loop' : undefined
  }

  /** Takes the mean delay of the last tick. */
  judge(delayMs: number): void {
    const { maxLoopDelayMs } = this.#options
    if (delayMs >= maxLoopDelayMs) this.#above()
    else if (delayMs < maxLoopDelayMs * RELAX_AT) this.#below()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#loopDelay.disable()
  }

  #above(): void {
    this.#ticksAbove += 1
    if (this.#ticksAbove < PATIENCE) return
    // The first step is to close what is idle; only then are requests turned away.
    if (this.#overloaded) this.#share = Math.min(MAX_SHARE, this.#share + STEP)
    this.#set(true)
  }

  #below(): void {
    this.#ticksAbove = 0
    this.#share = this.#share - STEP < STEP / 2 ? 0 : this.#share - STEP
    if (this.#share === 0) this.#set(false)
  }

  #set(overloaded: boolean): void {
    if (overloaded === this.#overloaded) return
    this.#overloaded = overloaded
    this.#options.onChange(overloaded)
  }
}

const REFUSAL_HEADERS = ['content-type', 'application/json; charset=utf-8', 'retry-after', '1']
const REFUSAL_BODY = Buffer.from('{"error_msg":"503 Service Unavailable"}')

/** Answers 503 instead of `next` when the guard says so: nothing else is spent on such a request. */
export function withOverloadGuard(
  guard: OverloadGuard,
  onShed: (reason: ShedReason, bytes: number) => void,
  next: ExchangeHandler,
): ExchangeHandler {
  return (exchange: Exchange) => {
    const reason = guard.reason()
    if (reason === undefined) {
      next(exchange)
      return
    }
    onShed(reason, REFUSAL_BODY.length)
    exchange.reply(503, [...REFUSAL_HEADERS], REFUSAL_BODY)
  }
}
