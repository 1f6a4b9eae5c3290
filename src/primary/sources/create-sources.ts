import type { Logger } from 'pino'
import { createS3Importer } from '../../fallback/importer.ts'
import type { ConfigState } from '../../model/config-state.ts'
import type { GatewaySettings } from '../../settings/gateway-settings.ts'
import type { Backup } from '../backup/backup.ts'
import type { ConfigSources } from '../config-service.ts'
import { createPostgresSource } from '../postgres-source.ts'
import { loadBootFile } from './boot-file.ts'
import type { ConfigSource, SnapshotImporter } from './config-source.ts'
import { createFileSource } from './file-source.ts'
import { createS3Source } from './s3-source.ts'

/** How often the provider `s3` looks for something new. */
const S3_INTERVAL_MS = 5_000

interface SourcesOptions {
  settings: GatewaySettings
  backup: Backup
  /** Boots from it as if it were the newest backup. */
  bootFile?: string | undefined
  /** Makes the logger of a component. */
  component: (name: string) => Logger
  /** The source's configuration as it is now. */
  current: () => ConfigState | undefined
}

/** Where this gateway's configuration may come from, by its settings. */
export function createSources(options: SourcesOptions): ConfigSources {
  const { settings, backup, bootFile, component } = options
  const { gatewayGroup: group, bootGraceMs: graceMs } = settings
  const importer = createImporter(options)
  return {
    primary: createPrimary(options, importer),
    backup,
    fallback: settings.configProvider === 'postgres' ? importer : undefined,
    ...(bootFile !== undefined && {
      loadBootFile: () => loadBootFile(bootFile, group, component('backup')),
    }),
    graceMs,
  }
}

function createPrimary(
  { settings, component, current }: SourcesOptions,
  importer: SnapshotImporter | undefined,
): ConfigSource {
  const { configProvider, configFile, gatewayGroup: group } = settings
  if (configProvider === 'file' && configFile !== undefined) {
    return createFileSource({ path: configFile, group, log: component('file'), current })
  }
  if (configProvider === 's3' && importer !== undefined) {
    return createS3Source(importer, S3_INTERVAL_MS)
  }
  return createPostgresSource(settings, component('subscription'))
}

function createImporter({ settings, component }: SourcesOptions): SnapshotImporter | undefined {
  const { fallback, gatewayGroup: group } = settings
  if (fallback === undefined) return undefined
  return createS3Importer({ ...fallback, group }, component('fallback'))
}
