import type { Logger } from 'pino'
import type { ExporterState } from '../fallback/exporter.ts'
import type { FallbackSettings } from '../settings/fallback-settings.ts'
import type { ChangeFeed } from '../store/change-feed.ts'
import type { ConfigRepository } from '../store/config-repository.ts'
import { createLeaderLock } from '../store/leader-lock.ts'
import { VERSION } from '../support/version.ts'

/** Number of the advisory lock of the export. */
const EXPORT_LOCK = 1

interface FallbackOptions {
  /** Of PostgreSQL, past any pooler: the leadership needs a session of its own. */
  url: string
  repository: ConfigRepository
  feed: ChangeFeed
  /** Names of the keys that instances must have to open what is encrypted. */
  keyIds: readonly string[]
  log: Logger
}

/** This control plane's part in keeping a copy in S3: it exports while it is the leader. */
export interface Fallback {
  readonly state: ExporterState
  start(): void
  stop(): Promise<void>
}

/** The S3 client, some 40 MB of memory, is loaded here: only where there is a fallback. */
export async function createFallback(
  settings: FallbackSettings,
  { url, repository, feed, keyIds, log }: FallbackOptions,
): Promise<Fallback> {
  const { createS3Exporter } = await import('../fallback/exporter.ts')
  const leadership = createLeaderLock({
    ...{ url, log, lock: EXPORT_LOCK, applicationName: 'holdfast exporter' },
    onGained: () => exporter.poll(),
  })
  const exporter = createS3Exporter(settings, {
    source: repository,
    leadership,
    instanceConfig: () => ({ version: VERSION, keyring: { ids: keyIds } }),
    log,
  })
  let unsubscribe = () => {}

  return {
    get state() {
      return exporter.state
    },
    start() {
      unsubscribe = feed.onHint((hint) => {
        if (hint === 'reconnected') exporter.poll()
        else exporter.touch(hint.group)
      })
      leadership.start()
      exporter.start()
    },
    async stop() {
      unsubscribe()
      await exporter.stop()
      await leadership.stop()
    },
  }
}
