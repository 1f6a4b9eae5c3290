import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Exchange, ExchangeHandler } from '../http/exchange.ts'

const TICK_MS = 250
const NANOSECONDS_PER_MS = 1_000_000
/** Of a request rate that is too much, so much at most is let through at the next tick … */
const LESS = 0.9
/** … and of one that is little enough, so much more: from the least to all in 3.5 s. */
const MORE = 1.25
/** Some are let through at any time: they show when it is over. */
const MIN_ADMITTED = 0.05
/** Below this part of the bound the overload is over; between the two nothing changes. */
const RELAX_AT = 0.7
/** Ticks above the bound before anything is done: one long turn is no overload. */
const PATIENCE = 2

/**
 * Each connection takes a turn of the loop to be handed over, so long turns make new ones queue in
 * the primary. One that waited this many times the bound counts like a delay of the bound.
 */
const HAND_OVER_TURNS = 4
/**
 * Hand-overs that follow on each other faster than this mean that turns are short: then the
 * connections themselves are too many, and it would help none of them to refuse the requests on others.
 */
const MIN_MS_PER_HAND_OVER = 4

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
 * calm -2 ticks above the bound-> overloaded: idle connections are closed, and a share of the new
 * requests is shed that grows while the delay is above the bound and shrinks below 70 % of it
 * -share back at 0-> calm
 *
 * Connections in use are kept: a new one costs more than a refused request.
 */
export class OverloadGuard {
  readonly #options: OverloadOptions
  readonly #loopDelay = monitorEventLoopDelay({ resolution: 10 })
  readonly #timer: NodeJS.Timeout | undefined
  #ticksAbove = 0
  #overloaded = false
  #longestHandOverMs = 0
  #handOvers = 0
  /** Share of the new requests that is let through. */
  #admitted = 1

  constructor(options: OverloadOptions) {
    this.#options = options
    if (options.maxLoopDelayMs === 0) return
    this.#loopDelay.enable()
    let judgedAt = performance.now()
    this.#timer = setInterval(() => {
      const now = performance.now()
      // A tick lasts longer the later the loop is.
      const tookMs = now - judgedAt
      judgedAt = now
      const meanMs = this.#loopDelay.mean / NANOSECONDS_PER_MS
      this.#loopDelay.reset()
      // Not a number without a sample: the loop turned too seldom for one.
      this.judge(Number.isNaN(meanMs) ? tookMs : meanMs, tookMs)
    }, TICK_MS).unref()
  }

  get overloaded(): boolean {
    return this.#overloaded
  }

  /** Share of the new requests to shed, 0 to 1. */
  get share(): number {
    return 1 - this.#admitted
  }

  /** Why the request that has just begun is to be shed; undefined = it is not. */
  reason(): ShedReason | undefined {
    if (this.#options.pendingRequests() > this.#options.maxPendingRequests) {
      return 'pending-requests'
    }
    return this.#admitted < 1 && Math.random() >= this.#admitted ? 'event-loop' : undefined
  }

  /** A connection took so long from the primary to us. */
  noteHandOver(ms: number): void {
    this.#handOvers += 1
    if (ms > this.#longestHandOverMs) this.#longestHandOverMs = ms
  }

  /** Takes the mean delay of the last tick, which took so long, and the hand-overs noted in it. */
  judge(loopDelayMs: number, tookMs = TICK_MS): void {
    const { maxLoopDelayMs } = this.#options
    const delayMs = Math.max(loopDelayMs, this.#takeHandOverDelay(tookMs))
    if (delayMs >= maxLoopDelayMs) this.#above(maxLoopDelayMs / delayMs)
    else if (delayMs < maxLoopDelayMs * RELAX_AT) this.#below()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#loopDelay.disable()
  }

  #takeHandOverDelay(tookMs: number): number {
    const starved = this.#handOvers * MIN_MS_PER_HAND_OVER <= tookMs
    const delayMs = starved ? this.#longestHandOverMs / HAND_OVER_TURNS : 0
    this.#handOvers = 0
    this.#longestHandOverMs = 0
    return delayMs
  }

  #above(bearable: number): void {
    this.#ticksAbove += 1
    if (this.#ticksAbove < PATIENCE) return
    // A turn of the loop is as long as the requests in it are many.
    this.#admitted = Math.max(MIN_ADMITTED, this.#admitted * Math.min(LESS, bearable))
    this.#set(true)
  }

  #below(): void {
    this.#ticksAbove = 0
    this.#admitted = Math.min(1, this.#admitted * MORE)
    if (this.#admitted === 1) this.#set(false)
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
