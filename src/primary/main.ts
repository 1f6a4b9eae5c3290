import type { Logger } from 'pino'
import { configurePlugins, outliveForgottenPromises } from '../plugins/configure-plugins.ts'
import { pluginRegistry } from '../plugins/registry.ts'
import { findPluginSecrets } from '../plugins/served-resources.ts'
import type { GatewaySettings } from '../settings/gateway-settings.ts'
import { createKeyring } from '../support/keyring.ts'
import { createResourceSecrets } from '../support/resource-secrets.ts'
import { VERSION } from '../support/version.ts'
import { Acceptor } from './acceptor.ts'
import { createBackup } from './backup/backup.ts'
import { ConfigService } from './config-service.ts'
import { startControlApi } from './control-api/control-api.ts'
import type { ControlParts } from './control-api/control-endpoints.ts'
import { createReporter } from './create-reporter.ts'
import { DrainSwitch } from './drain-switch.ts'
import { createHealth, tellBoth } from './health/create-health.ts'
import { createInstanceReport } from './instance-report.ts'
import { Lifecycle } from './lifecycle.ts'
import { MetricStore } from './metric-store/metric-store.ts'
import { createMetrics } from './metrics.ts'
import { startMetricsServer } from './metrics-server.ts'
import { NameMemory } from './name-memory.ts'
import { endOrphans } from './orphans.ts'
import { QuotaService } from './quota/quota-service.ts'
import { withManagedSecrets } from './secrets/managed-secrets.ts'
import { SecretMemory } from './secrets/secret-memory.ts'
import { SecretService } from './secrets/secret-service.ts'
import type { ServingConfig } from './serving-config.ts'
import { createSources } from './sources/create-sources.ts'
import type { StatusParts } from './status.ts'
import { startStatusServer } from './status-server.ts'
import { Supervisor } from './supervisor.ts'
import { watchLimits, workerSettings } from './worker-settings.ts'

export interface Gateway {
  /** Settles when the gateway can't go on: rejects with what ended it. */
  readonly failed: Promise<never>
  /** Resolves when all workers have served for the first time. */
  readonly ready: Promise<void>
  /** Brings new settings into force; see Lifecycle. */
  reload(settings: GatewaySettings): Promise<void>
  /** The pid of a new process when it has taken over: stop this one. */
  handOver(): Promise<number | undefined>
  /** Finishes what is under way, within the drain time-out, and ends the workers. Idempotent. */
  stop(): Promise<void>
}

export interface GatewayOptions {
  /** Boots from this file as if it were the newest backup. */
  bootFile?: string | undefined
}

/**
 * Runs the gateway's primary: follows the configuration, feeds the workers, opens the traffic
 * listeners when the first worker serves. @throws when the status or metrics address is taken.
 */
export async function runGateway(
  settings: GatewaySettings,
  log: Logger,
  { bootFile }: GatewayOptions = {},
): Promise<Gateway> {
  const loggers = [log]
  const component = (name: string) => {
    const child = log.child({ component: name })
    loggers.push(child)
    return child
  }
  const failed = Promise.withResolvers<never>()
  await configurePlugins(settings.plugins)
  if (settings.plugins.external.length > 0) outliveForgottenPromises(log)

  const backup = createBackup({
    dataDir: settings.dataDir,
    group: settings.gatewayGroup,
    generations: settings.backupGenerations,
    log: component('backup'),
    current: () => config.serving,
  })
  const health = await createHealth(settings, component('health'), (nodes) =>
    supervisor.sendHealth(nodes),
  )
  const names = new NameMemory(settings.dataDir, component('names'))
  await names.load()
  const quota = new QuotaService({ workers: () => settings.workers })
  const counted = new MetricStore(settings.metrics)
  const supervisor = new Supervisor({
    workers: settings.workers,
    settings: workerSettings(settings),
    watch: watchLimits(settings),
    log: component('supervisor'),
    onServing: () => void lifecycle.onServing().catch(failed.reject),
    onUnaccepted: (sockets) => acceptor.dispatch(sockets),
    onOverdue: (sockets) => acceptor.refuse(sockets),
    healthToKnow: () => health.whole,
    names,
    quota,
    metrics: counted,
    onAttempts: (reports) => health.onReports(reports),
    takeBack: (revision, reason) => config.takeBack(revision, reason),
    goBack: (revision, reason) => config.goBack(revision, reason),
  })
  const acceptor = new Acceptor(() => supervisor.links, component('acceptor'))
  const current = () => config.serving?.source
  const sources = createSources({ settings, backup, bootFile, component, current })
  const keyring = createKeyring(settings.keys)
  const memory = new SecretMemory({
    dataDir: settings.dataDir,
    group: settings.gatewayGroup,
    keyring,
    log: component('secrets'),
  })
  const managed = new SecretService({
    remembered: await memory.load(),
    ttlMs: settings.secretTtlMs,
    log: component('secrets'),
    environment: process.env,
    onChange: (references) => {
      config.renewSecrets(references)
      memory.changed()
    },
  })
  memory.follow(() => managed.values())
  const secrets = withManagedSecrets(
    createResourceSecrets(keyring, findPluginSecrets),
    (reference) => managed.lookup(reference),
  )
  const events = {
    ...tellBoth(managed, tellBoth(health, supervisor)),
    prepare: (first: ServingConfig) => managed.prepare(first),
  }
  const config = new ConfigService(sources, component('config'), events, secrets)
  const drain = new DrainSwitch(supervisor)
  const lifecycle = new Lifecycle(settings, {
    acceptor,
    supervisor,
    config,
    drain,
    log,
    loggers,
  })

  const instance = createReporter(settings, component('instance'))
  const parts: StatusParts = {
    version: VERSION,
    group: settings.gatewayGroup,
    workersWanted: settings.workers,
    config,
    supervisor,
    backup,
    health,
    quota,
    metrics: counted,
    secrets: managed,
    listeners: () => acceptor.addresses,
    refusedConnections: () => acceptor.refused,
    drain,
    instance,
  }
  const controlParts: ControlParts = {
    health,
    config: () => config.serving,
    plugins: pluginRegistry,
    reloadWorkers: () => {
      supervisor.renewAll().catch((err) => log.error({ err }, 'workers could not be replaced'))
    },
  }
  const { inherited } = lifecycle
  const status = await startStatusServer(settings.statusListen, inherited.status, parts)
  const metrics = await startMetricsServer(
    settings.metricsListen,
    inherited.metrics,
    createMetrics(parts),
  )
  lifecycle.serveOperators(status, metrics)
  log.info({ status: status.address, metrics: metrics.address }, 'gateway starting')
  const controlApi =
    settings.controlApiListen &&
    startControlApi(settings.controlApiListen, controlParts, component('control-api'))
  void instance?.start(createInstanceReport(parts, status.address))
  supervisor.start()
  void endOrphans(settings.dataDir, settings.drainTimeoutMs, component('supervisor'))
  await config.start()
  return {
    failed: failed.promise,
    ready: lifecycle.ready,
    reload(next) {
      counted.limits = next.metrics
      managed.ttlMs = next.secretTtlMs
      return lifecycle.reload(next)
    },
    async handOver() {
      const successor = await lifecycle.handOver()
      // The data directory is the successor's.
      const keepers = [backup, health, names, memory]
      if (successor !== undefined) await Promise.all(keepers.map((keeper) => keeper.leave()))
      return successor
    },
    async stop() {
      controlApi?.close()
      await lifecycle.stop()
      managed.stop()
      quota.stop()
      counted.stop()
      await Promise.all([health.stop(), names.stop(), memory.stop(), instance?.stop()])
    },
  }
}
