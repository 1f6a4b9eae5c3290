import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { GatewayError } from '../../model/errors.ts'
import { backoffMs } from '../../support/backoff.ts'
import type { RoleLog } from './role-log.ts'

const RESTART = { baseMs: 500, maxMs: 10_000 }
/** Full jitter may give 0; a process that ends at once must not spin. */
const MIN_RESTART_MS = 200
/** After so long a life, the next restart is the first again. */
const STABLE_MS = 30_000

const MAIN = fileURLToPath(new URL(`../../main${extname(import.meta.filename)}`, import.meta.url))

interface ChildOptions {
  /** Verb of the same binary. */
  verb: 'control' | 'gateway'
  args: readonly string[]
  env: NodeJS.ProcessEnv
  /** Takes what the process says. */
  output: RoleLog
  log: Logger
  /** A child that was asked to stop is killed after this. */
  stopLimitMs: number
}

/**
 * Keeps one process of the same binary running until `stop`.
 * starting --markReady--> running --exit--> waiting --backoff--> running; an exit while starting
 * rejects `failed` instead, since it would happen again.
 */
export class SupervisedChild {
  /** Rejects when the process ends before it was ready once. */
  readonly failed: Promise<never>
  readonly #options: ChildOptions
  readonly #fail: (error: Error) => void
  #process: ChildProcess | undefined
  #timer: NodeJS.Timeout | undefined
  #wasReady = false
  #stopping = false
  #attempt = 0

  constructor(options: ChildOptions) {
    this.#options = options
    const { promise, reject } = Promise.withResolvers<never>()
    this.failed = promise
    this.#fail = reject
    // Whoever waits for it sees the rejection; when nobody does any more, it is no bug.
    promise.catch(() => {})
    this.#start()
  }

  /** From now on an exit means a restart. */
  markReady(): void {
    this.#wasReady = true
  }

  /** Asks the process to end, and kills it when it does not. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#timer)
    const child = this.#process
    if (child === undefined) return
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), this.#options.stopLimitMs)
    await exited
    clearTimeout(timer)
  }

  /** Ends the process at once. */
  kill(): void {
    this.#stopping = true
    this.#process?.kill('SIGKILL')
  }

  #start(): void {
    const { verb, args, env, output, log } = this.#options
    // Detached: Ctrl-C in the terminal is for us, we stop the others in order. IPC: when we are
    // killed the channel closes, and they end too.
    const child = spawn(process.execPath, [MAIN, verb, ...args], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env,
    })
    this.#process = child
    child.stdout?.setEncoding('utf8').pipe(output.createStream())
    child.stderr?.setEncoding('utf8').pipe(output.createStream())
    const startedAt = performance.now()
    child.on('error', (err) => log.error({ err, verb }, 'process not started'))
    child.once('exit', (code, signal) => {
      this.#process = undefined
      if (performance.now() - startedAt > STABLE_MS) this.#attempt = 0
      if (!this.#stopping) this.#onExit(signal ?? `exit code ${code}`)
    })
  }

  #onExit(reason: string): void {
    const { verb, log } = this.#options
    if (!this.#wasReady) {
      const message = `${verb} ended before it was ready (${reason})`
      this.#fail(new GatewayError('GW_PROCESS_ENDED', message))
      return
    }
    const delayMs = MIN_RESTART_MS + backoffMs(this.#attempt, RESTART)
    log.warn({ verb, reason, attempt: this.#attempt, delayMs }, 'process ended, restarting it')
    this.#attempt += 1
    this.#timer = setTimeout(() => this.#start(), delayMs)
  }
}
