import type { MetricBook } from '../../model/metrics.ts'
import type { QuotaLedger } from '../../model/quota.ts'
import type { JobRunner, OutboundHttp } from '../../plugins/contract.ts'
import type { PluginRegistry } from '../../plugins/registry.ts'
import type { Logger } from '../../support/logger.ts'

/** What all plugins of a worker share; made once per process. */
export interface PluginServices {
  readonly registry: PluginRegistry
  readonly log: Logger
  /** Where `$env://` references are looked up. */
  readonly environment: NodeJS.ProcessEnv
  now(): number
  readonly jobs: JobRunner
  readonly http: OutboundHttp
  readonly quota: QuotaLedger
  readonly metrics: MetricBook
}
