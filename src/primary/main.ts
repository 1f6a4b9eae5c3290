import type { Logger } from 'pino'
import type { WorkerSettings } from '../model/ipc.ts'
import type { GatewaySettings } from '../settings/gateway-settings.ts'
import { createKeyring } from '../support/keyring.ts'
import { createResourceSecrets } from '../support/resource-secrets.ts'
import { VERSION } from '../support/version.ts'
import { Acceptor } from './acceptor.ts'
import { createBackup } from './backup.ts'
import { ConfigService } from './config-service.ts'
import { createMetrics, startMetricsServer } from './metrics.ts'
import { createPostgresSource } from './postgres-source.ts'
import type { StatusParts } from './status.ts'
import { startStatusServer } from './status-server.ts'
import { Supervisor } from './supervisor.ts'

export interface Gateway {
  /** Settles when the gateway can't go on: rejects with what ended it. */
  readonly failed: Promise<never>
  /** Finishes what is under way, within the drain time-out, and ends the workers. Idempotent. */
  stop(): Promise<void>
}

/**
 * Runs the gateway's primary: follows the configuration, feeds the workers, opens the traffic
 * listeners when the first worker serves. @throws when the status or metrics address is taken.
 */
export async function runGateway(settings: GatewaySettings, log: Logger): Promise<Gateway> {
  const component = (name: string) => log.child({ component: name })
  const failed = Promise.withResolvers<never>()
  let stopped: Promise<void> | undefined

  const backup = createBackup({
    dataDir: settings.dataDir,
    group: settings.gatewayGroup,
    log: component('backup'),
    current: () => config.serving?.source,
  })
  const supervisor = new Supervisor({
    workers: settings.workers,
    settings: workerSettings(settings),
    log: component('supervisor'),
    onServing: () => void openListeners().catch(failed.reject),
    onUnaccepted: (sockets) => acceptor.dispatch(sockets),
  })
  const acceptor = new Acceptor(() => supervisor.links, component('acceptor'))
  const source = createPostgresSource(settings, component('subscription'))
  const secrets = createResourceSecrets(createKeyring(settings.keys))
  const config = new ConfigService(source, backup, component('config'), supervisor, secrets)

  const parts: StatusParts = {
    version: VERSION,
    group: settings.gatewayGroup,
    workersWanted: settings.workers,
    config,
    supervisor,
    backup,
    listeners: () => acceptor.addresses,
    isDraining: () => stopped !== undefined,
  }
  const status = await startStatusServer(settings.statusListen, parts)
  const metrics = await startMetricsServer(settings.metricsListen, createMetrics(parts))
  log.info({ status: status.address, metrics: metrics.address }, 'gateway starting')
  supervisor.start()
  await config.start()

  async function openListeners(): Promise<void> {
    if (stopped !== undefined) return
    acceptor.releaseWaiting()
    if (acceptor.opened) return
    await acceptor.listen(settings.httpListen)
    log.info({ listeners: acceptor.addresses }, 'gateway listening')
  }

  async function stop(): Promise<void> {
    log.info('gateway draining')
    acceptor.close()
    await Promise.all([supervisor.stop(settings.drainTimeoutMs), config.stop()])
    metrics.close()
    status.close()
    log.info('gateway stopped')
  }

  return {
    failed: failed.promise,
    stop() {
      stopped ??= stop()
      return stopped
    },
  }
}

function workerSettings({
  logLevel,
  drainTimeoutMs,
  http,
  trustedProxies,
  upstream,
}: GatewaySettings): WorkerSettings {
  return { logLevel, drainTimeoutMs, http, trustedProxies, upstream }
}
