import type { Logger } from 'pino'
import type { Delta } from '../model/revision.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { loadConfigState } from '../support/load-config-state.ts'
import { createQuarantineLog } from '../support/quarantine-log.ts'
import { PLAIN_SECRETS, type ResourceSecrets } from '../support/resource-secrets.ts'
import type { Backup, LoadedBackup } from './backup/backup.ts'
import { quarantineRecord } from './backup/quarantine-record.ts'
import { ConfigTier, type SyncState } from './config-tier.ts'
import { EmptyGuard } from './empty-guard.ts'
import { type QuarantineRecord, ServingConfig } from './serving-config.ts'
import type { ConfigSource, SnapshotImporter } from './sources/config-source.ts'
import { FallbackLoop } from './sources/fallback-loop.ts'
import { WayBack } from './way-back.ts'

/** Where a configuration may come from. */
export interface ConfigSources {
  /** What the instance follows; wins over all others when it answers. */
  primary: ConfigSource
  backup: Backup
  /** Asked when neither a backup nor, within the grace, the primary source gives a configuration. */
  fallback?: SnapshotImporter | undefined
  /** A file to boot from as if it were the newest backup; undefined when it can't be used. */
  loadBootFile?: (() => Promise<LoadedBackup | undefined>) | undefined
  graceMs: number
}

export interface ConfigEvents {
  /** Fetches what the first configuration needs, before it is given; does not take long. */
  prepare?(config: ServingConfig): Promise<void>
  /** All of the configuration is new. */
  onSnapshot(config: ServingConfig): void
  /** The configuration given last has changed by this. */
  onDelta(delta: Delta): void
}

/**
 * Finds the configuration to serve and keeps it current: from the backup at once where there is
 * one, from PostgreSQL as soon as it answers, by its revisions from then on; from S3 when there is
 * neither. Nothing older replaces what is served, but PostgreSQL, which is right unless it is empty.
 */
export class ConfigService {
  readonly #sources: ConfigSources
  readonly #log: Logger
  readonly #logQuarantine: ReturnType<typeof createQuarantineLog>
  readonly #events: ConfigEvents
  readonly #secrets: ResourceSecrets
  readonly #tier: ConfigTier
  readonly #emptyGuard: EmptyGuard
  readonly #fallback: FallbackLoop | undefined
  readonly #wayBack: WayBack
  #serving: ServingConfig | undefined
  /** What was served first. */
  #firstRevision: number | undefined
  /** What the backup says, for a local source, which is asked before. */
  #loaded: LoadedBackup | undefined
  #changedAt = Date.now()
  /** Settled when there is a configuration, or the source has said that it has none. */
  readonly #verdict = Promise.withResolvers<void>()

  constructor(
    sources: ConfigSources,
    log: Logger,
    events: ConfigEvents,
    secrets: ResourceSecrets = PLAIN_SECRETS,
  ) {
    this.#sources = sources
    this.#log = log
    this.#logQuarantine = createQuarantineLog(log)
    this.#events = events
    this.#secrets = secrets
    this.#tier = new ConfigTier(log)
    this.#wayBack = new WayBack(sources.backup, secrets, log)
    this.#emptyGuard = new EmptyGuard(log)
    const { fallback, graceMs } = sources
    this.#fallback =
      fallback &&
      new FallbackLoop({
        importer: fallback,
        graceMs,
        log,
        isNeeded: () => !this.#tier.state.connected,
        known: () => this.#serving?.source.mark,
        adopt: (snapshot) => this.#adoptFallback(snapshot),
      })
  }

  get serving(): ServingConfig | undefined {
    return this.#serving
  }

  /** When the present revision arrived, in milliseconds since 1970. */
  get changedAt(): number {
    return this.#changedAt
  }

  get state(): SyncState {
    return this.#tier.state
  }

  /** The source is refused because it is empty. */
  get refusesEmpty(): boolean {
    return this.#emptyGuard.reason !== undefined && !this.#tier.state.connected
  }

  /** Seconds since the served configuration was last known to be the current one; 0 = it is. */
  get ageSeconds(): number {
    return this.#tier.ageSeconds
  }

  /** Resolves when what is at hand has been tried; the rest goes on behind. */
  async start(): Promise<void> {
    const { primary, backup, graceMs } = this.#sources
    if (primary.local) {
      // What workers died of before the restart must not be tried again.
      this.#loaded = await backup.load()
      this.#follow()
      await Promise.race([this.#verdict.promise, timeout(graceMs)])
      if (this.#serving === undefined) await this.#loadBackup()
    } else {
      await this.#loadBackup()
      this.#follow()
    }
    if (this.#serving === undefined) {
      this.#log.info({ source: primary.tier, graceMs }, 'no backup, waiting for the source')
    }
    this.#fallback?.start()
  }

  /** Reads the source again now, if it is one that can be told to. */
  reload(): void {
    this.#sources.primary.reload?.()
  }

  /** Takes back what a revision changed. False: nothing is known of what was before it. */
  takeBack(revision: number, reason: string): boolean {
    const serving = this.#serving
    if (serving === undefined || serving.refuse(revision, reason) === 0) return false
    this.#changed(serving)
    return true
  }

  /**
   * Takes back the revision that was served first since the start: goes on to the next attempt of
   * WayBack. False: there is none left; undefined: it is not that revision.
   */
  async goBack(revision: number, reason: string): Promise<boolean | undefined> {
    const serving = this.#serving
    if (serving === undefined || revision !== this.#firstRevision) return undefined
    const found = await this.#wayBack.tryNext(serving, revision, reason)
    // Something else has come meanwhile.
    if (serving !== this.#serving) return undefined
    if (found) this.#changed(serving)
    return found
  }

  /** These references to secrets stand for something else now, or for something at last. */
  renewSecrets(references: Iterable<string>): void {
    const delta = this.#serving?.renew(references)
    if (delta === undefined) return
    this.#changedAt = Date.now()
    const { revision } = delta.to
    this.#log.info({ revision, objects: delta.changes.length }, 'secrets applied')
    this.#events.onDelta(delta)
    this.#sources.backup.schedule()
  }

  async stop(): Promise<void> {
    await this.#fallback?.stop()
    await this.#sources.primary.stop()
    await this.#sources.backup.stop()
  }

  async #loadBackup(): Promise<void> {
    const { loadBootFile, backup } = this.#sources
    const loaded = (await loadBootFile?.()) ?? this.#loaded ?? (await backup.load())
    // A local source may have come to life meanwhile.
    if (loaded === undefined || this.#serving !== undefined) return
    const { snapshot, file, edited } = loaded
    const record = await quarantineRecord(snapshot, this.#secrets)
    await this.#adopt(snapshot, () => this.#serving === undefined, record)
    const { generatedAt } = snapshot._meta
    this.#tier.moveTo({ tier: 'backup', edited, file }, Date.parse(generatedAt))
    if (edited) this.#log.warn({ file }, 'the backup was edited: its digest does not fit')
  }

  #follow(): void {
    const { primary, backup } = this.#sources
    primary.start(this.#serving?.source.mark, {
      onSnapshot: async (snapshot) => {
        // A file is what somebody wrote here: whatever is in it is meant.
        if (!primary.local) this.#emptyGuard.check(snapshot, this.#serving?.source)
        const record =
          this.#loaded && (await quarantineRecord(this.#loaded.snapshot, this.#secrets))
        this.#loaded = undefined
        await this.#adopt(snapshot, () => true, record)
        this.#tier.moveTo({ tier: primary.tier, connected: true, reason: undefined })
        backup.schedule()
        this.#verdict.resolve()
      },
      onDelta: (delta) => this.#apply(delta),
      onState: ({ connected, reason }) => {
        // Connected says: the revision we have is, or is about to be, the one of the source.
        const arrived = connected && this.#serving !== undefined
        this.#tier.moveTo({ connected, reason, ...(arrived && { tier: primary.tier }) })
        this.#verdict.resolve()
      },
    })
  }

  /** Takes over a snapshot of S3, unless what is served is as good. True when it was. */
  async #adoptFallback(snapshot: Snapshot): Promise<boolean> {
    const isBetter = () => {
      if (this.#tier.state.connected) return false
      const mark = this.#serving?.source.mark
      const { epoch, revision } = snapshot._meta
      return mark === undefined || (mark.epoch === epoch && mark.revision < revision)
    }
    if (!isBetter()) return false
    if (!(await this.#adopt(snapshot, isBetter))) return false
    this.#tier.moveTo({ tier: 's3' }, Date.parse(snapshot._meta.generatedAt))
    this.#sources.backup.schedule()
    return true
  }

  /** Builds aside, then swaps, if it is still wanted. What is served already changes nothing. */
  async #adopt(
    snapshot: Snapshot,
    isWanted: () => boolean,
    record: QuarantineRecord = { lastGood: undefined, deadly: [] },
  ): Promise<boolean> {
    const source = await loadConfigState(snapshot)
    const same = this.#serving?.source.mark
    const { epoch, revision, digest } = source.mark
    const isSame = same?.epoch === epoch && same.revision === revision && same.digest === digest
    if (isSame) return true
    const serving =
      this.#serving === undefined
        ? await ServingConfig.restore(source, record, this.#secrets)
        : await ServingConfig.build(source, this.#serving, this.#secrets)
    if (this.#serving === undefined) await this.#events.prepare?.(serving)
    if (!isWanted()) return false
    this.#firstRevision ??= revision
    this.#serving = serving
    this.#changedAt = Date.now()
    const { quarantined } = serving
    this.#log.info(
      { revision, objects: source.size, quarantined: quarantined.length },
      'snapshot adopted',
    )
    this.#logQuarantine(quarantined)
    this.#events.onSnapshot(serving)
    return true
  }

  /** The same revision, served otherwise. */
  #changed(serving: ServingConfig): void {
    this.#events.onSnapshot(serving)
    this.#sources.backup.schedule()
  }

  #apply(delta: Delta): void {
    if (this.#serving === undefined) throw new Error('delta before snapshot')
    const served = this.#serving.apply(delta)
    this.#changedAt = Date.now()
    this.#log.info({ revision: delta.to.revision, changes: delta.changes.length }, 'delta applied')
    this.#logQuarantine(this.#serving.quarantined)
    this.#events.onDelta(served)
    this.#sources.backup.schedule()
  }
}

function timeout(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
