import { randomBytes } from 'node:crypto'
import { Socket } from 'node:net'
import pgListen, { type Subscriber } from 'pg-listen'
import type { Logger } from 'pino'
import { StoreError } from '../model/errors.ts'
import {
  type ConnectionTarget,
  type HostAddress,
  parseConnectionTarget,
} from './connection-target.ts'
import { deadlineError, describeFailure, lostError, retryDelayMs } from './failure.ts'
import { electHost } from './host-election.ts'
import { NOTIFY_CHANNEL } from './pending-revision.ts'
import { leftBehind } from './server-history.ts'

/** Something was written to `group`; it may be old news, and it may be all that was lost. */
export interface Hint {
  group: string
  revision: number
}

export interface ChangeFeedOptions {
  /** Same URL as the database's, or one that bypasses a pooler: LISTEN needs a session of its own. */
  url: string
  log: Logger
  applicationName?: string
  /** Per host. Default 1000; `connect_timeout` of the URL wins. */
  connectTimeoutMs?: number
  /** How often the subscription proves that it is alive. Default 5000. */
  heartbeatMs?: number
  /** How long a heartbeat may take to come back. Default 2000. */
  heartbeatDeadlineMs?: number
}

/** Hints about writes, by LISTEN. Never the truth: whoever gets one reads by revision. */
export interface ChangeFeed {
  readonly state: 'listening' | 'connecting' | 'stopped'
  start(): void
  /** Cuts the subscription. Idempotent. */
  stop(): Promise<void>
  /**
   * Calls back with each hint, and with `reconnected` each time the subscription is (again) in
   * place: what was written in between came without hints. Returns the way to unsubscribe.
   */
  onHint(listener: (hint: Hint | 'reconnected') => void): () => void
}

export function createChangeFeed(options: ChangeFeedOptions): ChangeFeed {
  return new Subscription(options)
}

/** One connection attempt and, when it succeeds, the connection. */
interface Session {
  socket: Socket
  subscriber: Subscriber
  /** Settles the heartbeat in flight. */
  beat: (() => void) | undefined
  /** Rejects when the connection is lost. */
  lost: Promise<never>
}

/**
 * States: stopped → connecting (elect a host, connect, LISTEN, one heartbeat) → listening
 * → (connection lost, or heartbeat overdue) → waiting with backoff → connecting.
 * pg-listen would reconnect by itself, but to the same host for ever: here each session has a
 * subscriber of its own that gives up at the first loss.
 */
class Subscription implements ChangeFeed {
  readonly #options: ChangeFeedOptions
  readonly #target: ConnectionTarget
  readonly #listeners = new Set<(hint: Hint | 'reconnected') => void>()
  readonly #beatChannel = `holdfast_beat_${randomBytes(8).toString('hex')}`
  #state: ChangeFeed['state'] = 'stopped'
  #run: Promise<void> | undefined
  #stop = new AbortController()
  #attempt = 0
  #reason = ''

  constructor(options: ChangeFeedOptions) {
    this.#options = options
    this.#target = parseConnectionTarget(options.url)
  }

  get state(): ChangeFeed['state'] {
    return this.#state
  }

  onHint(listener: (hint: Hint | 'reconnected') => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  start(): void {
    if (this.#run !== undefined) return
    this.#stop = new AbortController()
    this.#run = this.#keepListening()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#run
    this.#run = undefined
    this.#state = 'stopped'
  }

  async #keepListening(): Promise<void> {
    const { signal } = this.#stop
    const { log } = this.#options
    while (!signal.aborted) {
      this.#state = 'connecting'
      let host = this.#target.hosts.map(({ label }) => label).join(', ')
      try {
        const address = await this.#elect()
        host = address.label
        if (!signal.aborted) await this.#listen(address)
      } catch (error) {
        if (signal.aborted) return
        const delayMs = retryDelayMs(error, this.#attempt)
        this.#attempt += 1
        const isStoreError = error instanceof StoreError
        const reason = isStoreError ? error.message : describeFailure(error, host)
        // An outage may last: it is told once, and when it turns into another.
        log[reason === this.#reason ? 'debug' : 'warn']({ reason, delayMs }, 'subscription lost')
        this.#reason = reason
        await pause(delayMs, signal)
      }
    }
  }

  get #connectTimeoutMs(): number {
    return this.#target.connectTimeoutMs ?? this.#options.connectTimeoutMs ?? 1000
  }

  get #applicationName(): string {
    return this.#options.applicationName ?? 'holdfast subscription'
  }

  #elect(): Promise<HostAddress> {
    return electHost(this.#target, {
      connectTimeoutMs: this.#connectTimeoutMs,
      applicationName: this.#applicationName,
    })
  }

  /** Holds one session until it is lost; then rejects. */
  async #listen(address: HostAddress): Promise<never> {
    const session = this.#open(address)
    try {
      await within(this.#connectTimeoutMs, session, () => session.subscriber.connect())
      await within(this.#connectTimeoutMs, session, async () => {
        await session.subscriber.listenTo(NOTIFY_CHANNEL)
        await session.subscriber.listenTo(this.#beatChannel)
      })
      // Proves the way there and back: a pooler may take LISTEN and deliver nothing.
      await this.#beat(session)
      this.#state = 'listening'
      this.#attempt = 0
      this.#reason = ''
      this.#options.log.info({ host: address.label }, 'subscription listening')
      this.#tell('reconnected')
      return await this.#keepBeating(session, address)
    } finally {
      session.socket.destroy()
    }
  }

  #open(address: HostAddress): Session {
    const socket = new Socket()
    const subscriber = pgListen.default(
      {
        application_name: this.#applicationName,
        ...this.#target.configFor(address),
        stream: () => socket,
      },
      // retryLimit 1: report the loss instead of reconnecting. Payloads are parsed below.
      { paranoidChecking: false, retryLimit: 1, parse: (text) => text },
    )
    const lost = new Promise<never>((_, reject) => {
      subscriber.events.on('error', () => reject(lostError()))
      socket.once('close', () => reject(lostError()))
    })
    const { signal } = this.#stop
    const cut = () => socket.destroy()
    signal.addEventListener('abort', cut)
    socket.once('close', () => signal.removeEventListener('abort', cut))
    lost.catch(() => {})
    const session: Session = { socket, subscriber, beat: undefined, lost }
    subscriber.events.on('notification', ({ channel, payload }) => {
      if (channel === this.#beatChannel) session.beat?.()
      else this.#hint(payload)
    })
    return session
  }

  async #keepBeating(session: Session, { label }: HostAddress): Promise<never> {
    for (;;) {
      await pause(this.#options.heartbeatMs ?? 5000, this.#stop.signal, session.lost)
      const behind = leftBehind(label)
      if (behind) throw behind
      await this.#beat(session)
    }
  }

  async #beat(session: Session): Promise<void> {
    const arrived = new Promise<void>((resolve) => {
      session.beat = resolve
    })
    await within(this.#options.heartbeatDeadlineMs ?? 2000, session, async () => {
      await session.subscriber.notify(this.#beatChannel)
      await arrived
    })
  }

  #hint(payload: unknown): void {
    const hint = decodeHint(payload)
    if (hint) this.#tell(hint)
  }

  #tell(hint: Hint | 'reconnected'): void {
    for (const listener of this.#listeners) listener(hint)
  }
}

/** Anybody with access may NOTIFY anything. */
function decodeHint(payload: unknown): Hint | undefined {
  try {
    const { group, revision } = JSON.parse(String(payload))
    return typeof group === 'string' && Number.isInteger(revision) ? { group, revision } : undefined
  } catch {
    return undefined
  }
}

/** Runs a step of a session; rejects when the session is lost or the step takes too long. */
async function within(
  deadlineMs: number,
  session: Session,
  step: () => Promise<void>,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(deadlineError(deadlineMs)), deadlineMs)
  })
  try {
    await Promise.race([step(), session.lost, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Waits; ends early when stopped, and rejects when `lost` does. */
async function pause(ms: number, signal: AbortSignal, lost?: Promise<never>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  let onAbort = () => {}
  const waited = new Promise<void>((resolve) => {
    onAbort = resolve
    timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    await Promise.race(lost === undefined ? [waited] : [waited, lost])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}
