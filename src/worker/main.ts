import cluster from 'node:cluster'
import { flushCompileCache } from 'node:module'
import type { Socket } from 'node:net'
import { ConnectionRefusal } from '../http/connection-refusal.ts'
import { createHttpEngine, type HttpEngine } from '../http/http-engine.ts'
import type { PrimaryMessage, WorkerMessage, WorkerSettings } from '../model/ipc.ts'
import { configurePlugins, outliveForgottenPromises } from '../plugins/configure-plugins.ts'
import { drainLogs } from '../plugins/logging/pending-logs.ts'
import { pluginRegistry } from '../plugins/registry.ts'
import { createPathNormalizer } from '../routing/path-rules.ts'
import { EXIT } from '../support/exit-codes.ts'
import { createLogger, flushLogs } from '../support/logger.ts'
import { createClientPool } from '../upstream/client-pool.ts'
import { createAccessLog } from './access-log/access-log.ts'
import { refusedRequest } from './access-log/refused-request.ts'
import { BodyBudget } from './body-budget.ts'
import { type ConfigHolder, createConfigHolder } from './config-holder.ts'
import { ConnectionIntake } from './connection-intake.ts'
import { HealthTable } from './health/health-table.ts'
import { withHealthPath } from './health-path.ts'
import { HeapLimits } from './heap-limits.ts'
import { WorkerMetrics } from './metrics/worker-metrics.ts'
import { createNames } from './names.ts'
import { OverloadGuard, type ShedReason, withOverloadGuard } from './overload.ts'
import { createLazyJobs } from './plugins/lazy-jobs.ts'
import { createOutboundHttp } from './plugins/outbound-http.ts'
import type { PluginServices } from './plugins/plugin-services.ts'
import { WorkerLedger } from './quota/worker-ledger.ts'
import { createRequestHandler } from './request-handler.ts'
import { startStallWatch } from './stall-watch.ts'
import { StatsCollector } from './stats.ts'
import { createTrustedProxies } from './trusted-proxies.ts'
import { UpstreamFactory } from './upstream-factory.ts'

const HEARTBEAT_MS = 500
/** What loggers still have when the last connection is gone gets so long to leave. */
const DRAIN_LOGS_MS = 3_000

/** Runs this process as a gateway worker: it does what the primary says over IPC. */
export function runWorker(): void {
  let worker: Worker | undefined
  process.on('message', (message: PrimaryMessage, handle: unknown) => {
    if (message.type === 'configure') worker = createWorker(message.settings)
    else if (worker === undefined && message.type === 'drain') process.exit(EXIT.OK)
    else worker?.receive(message, handle as Socket | undefined)
  })
  // A terminal's Ctrl-C reaches the whole process group; the primary decides when workers end.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => {})
  process.on('SIGHUP', () => {})
  // Without its primary a worker would serve an ever older configuration: finish and go.
  process.on('disconnect', () => {
    if (worker === undefined) process.exit(EXIT.OK)
    else worker.drainAlone()
  })
  // The next worker finds all of this compiled: half of a start's CPU time.
  flushCompileCache()
  send({ type: 'hello' })
}

interface Worker {
  receive(message: PrimaryMessage, socket: Socket | undefined): void
  /** The channel to the primary has closed. */
  drainAlone(): void
}

function createWorker(settings: WorkerSettings): Worker {
  const base = { worker: cluster.worker?.id }
  const { logLevel: level, logFile: file } = settings
  const log = createLogger({ level, role: 'gateway', base, file })
  process.on('uncaughtException', (err) => {
    log.fatal({ err }, 'uncaught error, worker ends')
    void flushLogs().then(() => process.exit(EXIT.SOFTWARE))
  })
  outliveForgottenPromises(log)

  const heapLimits = new HeapLimits()
  const stats = new StatsCollector()
  const { connectTimeoutMs, sendTimeoutMs, readTimeoutMs } = settings.upstream
  const timeouts = { connectMs: connectTimeoutMs, sendMs: sendTimeoutMs, readMs: readTimeoutMs }
  const health = new HealthTable((reports) => send({ type: 'attempts', reports }))
  const names = createNames(settings.dns, log, (learned) => send({ type: 'names', names: learned }))
  stats.names = names.service
  const factory = new UpstreamFactory(createClientPool(), timeouts, {
    observe: (body, owner) => health.observe(body, owner),
    names: names.service,
    onRetry: () => {
      stats.upstreamRetries += 1
    },
    forwardIfAllDown: settings.upstream.forwardIfAllDown,
    trustedCa: settings.upstream.trustedCa,
  })
  const pluginsReady = configurePlugins(settings.plugins).catch((err) => {
    log.error({ err }, 'external plugins not loaded: what uses them is quarantined')
  })
  const quota = new WorkerLedger({ send: (requests) => send({ type: 'quota', requests }) })
  const metrics = new WorkerMetrics({
    settings: settings.metrics,
    send: (report, sent) => send({ type: 'metrics', report }, sent),
  })
  const plugins: PluginServices = {
    registry: pluginRegistry,
    log,
    environment: process.env,
    now: Date.now,
    jobs: createLazyJobs(),
    quota,
    metrics,
    http: createOutboundHttp(),
  }
  const { routing } = settings
  const config: ConfigHolder = createConfigHolder(
    factory,
    plugins,
    log,
    send,
    pluginsReady,
    routing.mode,
  )
  let welcome = true
  const isTrusted = createTrustedProxies(settings.trustedProxies)
  const overload = new OverloadGuard({
    maxLoopDelayMs: settings.overloadLoopDelayMs,
    maxPendingRequests: settings.http.maxPendingRequests,
    pendingRequests: () => engine.pendingRequests,
    onChange: (overloaded) => {
      const { share } = overload
      log.warn({ overloaded, share }, overloaded ? 'worker overloaded' : 'overload is over')
      if (overloaded) engine.closeIdle()
      // At once: the primary turns away what waits for us.
      beat()
    },
  })
  const { maxBufferedBodyBytes, maxBufferedBytes } = settings.http
  const bodies = new BodyBudget(maxBufferedBodyBytes, maxBufferedBytes)
  stats.bodies = bodies
  const accessLog = createAccessLog(settings.accessLog, { metrics, log })
  const serve = createRequestHandler({
    config,
    stats,
    log,
    isTrusted,
    normalizePath: createPathNormalizer(routing),
    bodies,
    alwaysShowStatus: settings.upstream.alwaysShowStatus,
    accessLog,
  })
  const handler = withHealthPath(
    settings.healthPath,
    () => welcome,
    withOverloadGuard(overload, (reason, bytes) => countShed(reason, bytes), serve),
  )
  const engine: HttpEngine = createHttpEngine(
    {
      ...settings.http,
      onRefused: (refusal, connection, begun) => {
        stats.countRefused(refusal, begun)
        if (!begun) accessLog?.(refusedRequest(refusal, connection))
      },
      onHandlerError: (err) => log.error({ err }, 'request failed'),
    },
    handler,
  )

  function beat(): void {
    const report = stats.report(engine.connections, engine.pendingRequests, overload.share)
    send({ type: 'heartbeat', stats: report })
    const requests = Object.values(report.requestsByStatus).reduce((sum, n) => sum + n, 0)
    heapLimits.note(requests, config.current !== undefined)
    metrics.flush()
  }
  const heartbeat = setInterval(beat, HEARTBEAT_MS)

  let draining = false
  function drain(): void {
    if (draining) return
    draining = true
    quota.drain()
    // After the connections that arrived in this turn have been taken.
    setImmediate(() => {
      engine.drain()
      const idle = intake.whenSettled().then(() => engine.whenIdle())
      void idle.then(finish)
    })
  }

  let finishing = false
  function finish(): void {
    if (finishing) return
    finishing = true
    void drainLogs(DRAIN_LOGS_MS).then(leave)
  }

  function leave(): void {
    clearInterval(heartbeat)
    quota.flush()
    metrics.close()
    send({ type: 'drained' })
    if (process.connected) process.disconnect?.()
    void flushLogs().then(() => process.exit(EXIT.OK))
  }

  /** The primary is gone: nobody else keeps the limit. */
  function drainAlone(): void {
    log.warn('primary is gone, worker drains')
    quota.disconnect()
    setImmediate(() => intake.abandon())
    setTimeout(finish, settings.drainTimeoutMs)
    drain()
  }

  function setWelcome(value: boolean): void {
    welcome = value
    engine.allowKeepAlive = value
  }

  function countShed(reason: ShedReason, bytes: number): void {
    stats.countShed(reason)
    stats.countRequest(503, bytes)
  }

  const refusal = new ConnectionRefusal()
  function take(socket: Socket): void {
    stats.connectionsTotal += 1
    if (engine.connections < settings.http.maxConnections) {
      engine.accept(socket)
    } else {
      stats.countShed('connections')
      refusal.refuse(socket)
    }
  }

  const intake = new ConnectionIntake(take, send, (ms) => overload.noteHandOver(ms))
  const { reportDir, stallReportMs, drainTimeoutMs } = settings
  startStallWatch({ reportDir, stalledAfterMs: stallReportMs, orphanLimitMs: drainTimeoutMs })

  return {
    drainAlone,
    receive(message, socket) {
      switch (message.type) {
        case 'connection':
          return intake.receive(socket, message)
        case 'sent':
          return intake.settle(message.upTo)
        case 'late':
          return intake.settleLate(message)
        case 'drain':
          return drain()
        case 'traffic':
          return setWelcome(message.welcome)
        case 'health':
          return health.apply(message.nodes)
        case 'names':
          return names.remember(message.names)
        case 'quota':
          return quota.receive(message.answers)
        case 'configure':
          return undefined
        default:
          return config.receive(message)
      }
    },
  }
}

/** `sent` is called once the channel has taken the message, or will take none any more. */
function send(message: WorkerMessage, sent: () => void = () => {}): void {
  // The channel closes when the primary dies; 'disconnect' deals with that.
  if (process.connected) process.send?.(message, undefined, {}, sent)
}
