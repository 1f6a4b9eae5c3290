import { closeSync, writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { configurePlugins } from '../plugins/configure-plugins.ts'
import type { GatewaySettings } from '../settings/gateway-settings.ts'
import type { Acceptor } from './acceptor.ts'
import type { ConfigService } from './config-service.ts'
import type { DrainSwitch } from './drain-switch.ts'
import { startSuccessor } from './hand-over.ts'
import type { HttpListener } from './http-listener.ts'
import { type InheritedSockets, inheritedSockets } from './inherited-sockets.ts'
import type { Supervisor } from './supervisor.ts'
import { watchLimits, workerSettings } from './worker-settings.ts'

interface LifecycleParts {
  acceptor: Acceptor
  supervisor: Supervisor
  config: ConfigService
  drain: DrainSwitch
  log: Logger
  /** The log and those of all components: a level holds for one logger only. */
  loggers: readonly Logger[]
}

/** Settings that a reload can't bring into force. */
const FIXED = [
  'dataDir',
  'databaseUrl',
  'databaseListenUrl',
  'gatewayGroup',
  'keys',
  'configProvider',
  'configFile',
  'workers',
  'backupGenerations',
  'pollIntervalMs',
  'heartbeatMs',
  'fallback',
  'statusListen',
  'metricsListen',
  'controlApiListen',
  'health',
] as const satisfies readonly (keyof GatewaySettings)[]

/**
 * Opens, reloads, hands over and stops a gateway.
 *
 * States: starting → listening (the first worker serves) → draining (unready, still accepting)
 * → stopping (listeners closed, requests under way finish) → stopped.
 */
export class Lifecycle {
  readonly inherited: InheritedSockets = inheritedSockets(process.env, process.pid)
  readonly #parts: LifecycleParts
  #settings: GatewaySettings
  /** The operators' servers; set once they are open. */
  #operators: { status: HttpListener; metrics: HttpListener } | undefined
  #announced = false
  readonly #ready = Promise.withResolvers<void>()
  #handingOver: Promise<number | undefined> | undefined
  #stopped: Promise<void> | undefined

  constructor(settings: GatewaySettings, parts: LifecycleParts) {
    this.#settings = settings
    this.#parts = parts
  }

  /** Resolves when all workers have served: the start is over. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  serveOperators(status: HttpListener, metrics: HttpListener): void {
    this.#operators = { status, metrics }
  }

  /** A worker serves: connections may come. @throws when a traffic address can't be opened. */
  async onServing(): Promise<void> {
    const { acceptor, supervisor, log } = this.#parts
    if (this.#stopped !== undefined) return
    acceptor.releaseWaiting()
    if (!acceptor.opened) {
      await acceptor.listen(this.#settings.httpListen, this.inherited.http)
      log.info({ listeners: acceptor.addresses }, 'gateway listening')
    }
    if (supervisor.started && !this.#announced) {
      this.#announced = true
      this.#ready.resolve()
      announceReady()
    }
  }

  /**
   * Brings new settings into force without a failed request: new listeners open, workers are
   * replaced one by one. What needs a restart is logged by name and stays as it was.
   */
  async reload(settings: GatewaySettings): Promise<void> {
    const { acceptor, supervisor, log } = this.#parts
    if (this.#stopped !== undefined) return
    await configurePlugins(settings.plugins)
    const fixed = FIXED.filter(
      (name) => JSON.stringify(settings[name]) !== JSON.stringify(this.#settings[name]),
    )
    if (fixed.length > 0) log.warn({ settings: fixed }, 'settings need a restart to change')
    const kept = Object.fromEntries(fixed.map((name) => [name, this.#settings[name]]))
    this.#settings = { ...settings, ...kept }
    for (const logger of this.#parts.loggers) logger.level = settings.logLevel
    this.#parts.config.reload()
    if (acceptor.opened && this.inherited.http.length === 0) {
      await acceptor.listen(this.#settings.httpListen)
    }
    supervisor.setWatchLimits(watchLimits(this.#settings))
    await supervisor.replaceAll(workerSettings(this.#settings))
    log.info({ listeners: acceptor.addresses }, 'gateway reloaded')
  }

  /**
   * Starts a new process of the program as it is on disk now and gives it the listening sockets.
   * Its pid when it serves: this one should stop then. Undefined when it did not come up: we go on.
   */
  handOver(): Promise<number | undefined> {
    this.#handingOver ??= this.#handOver().finally(() => {
      this.#handingOver = undefined
    })
    return this.#handingOver
  }

  /** Turns traffic away, finishes what is under way, within the drain time-out. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #handOver(): Promise<number | undefined> {
    const { acceptor, log } = this.#parts
    const operators = this.#operators
    if (operators === undefined || this.#stopped !== undefined || !acceptor.listening) {
      return undefined
    }
    const http = acceptor.servers.map((server) => ({ name: 'http', server }) as const)
    let successor: number
    try {
      successor = await startSuccessor([
        ...http,
        { name: 'status', server: operators.status.server },
        { name: 'metrics', server: operators.metrics.server },
      ])
      log.info({ successor }, 'successor serves, handing over')
    } catch (err) {
      log.error({ err }, 'hand-over failed, going on')
      return undefined
    }
    // Probes are for the successor from here on; it accepts from the same queues.
    operators.status.close()
    operators.metrics.close()
    acceptor.close()
    return successor
  }

  async #stop(): Promise<void> {
    const { acceptor, supervisor, config, drain, log } = this.#parts
    drain.on('stop')
    const { drainWaitMs, drainTimeoutMs } = this.#settings
    log.info({ drainWaitMs, drainTimeoutMs }, 'gateway draining')
    if (acceptor.listening) await delay(drainWaitMs)
    acceptor.close()
    await Promise.all([supervisor.stop(drainTimeoutMs), config.stop()])
    this.#operators?.metrics.close()
    this.#operators?.status.close()
    log.info('gateway stopped')
  }
}

/** Tells the process that handed its sockets over, if one did; see hand-over.ts. */
function announceReady(): void {
  const fd = Number(process.env['READY_FD'])
  if (!Number.isInteger(fd) || fd < 3) return
  try {
    writeSync(fd, 'ready\n')
    closeSync(fd)
  } catch {
    // It is gone already: nobody waits.
  }
}
