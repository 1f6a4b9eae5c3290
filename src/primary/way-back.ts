import type { Logger } from 'pino'
import { RESOURCE_KINDS } from '../model/resource-kind.ts'
import { resourceId } from '../model/snapshot.ts'
import { loadConfigState } from '../support/load-config-state.ts'
import type { ResourceSecrets } from '../support/resource-secrets.ts'
import type { Backup } from './backup/backup.ts'
import { quarantineRecord } from './backup/quarantine-record.ts'
import { differences, type ObjectBefore } from './revision-history.ts'
import { ServingConfig } from './serving-config.ts'

/** Without an earlier configuration, what was changed last is left out: so many changes, one by one. */
const MAX_LEFT_OUT = 5

/** One attempt: what to serve instead. */
interface Way {
  objects: readonly ObjectBefore[]
  /** The backup it goes back to; undefined: the objects are left out. */
  file?: string
}

/**
 * Looks for something that workers can live with when they die of the very first configuration
 * since the start, before which there was none: what older backups say, newest first; then the
 * configuration without what was changed last. One attempt at a time.
 */
export class WayBack {
  readonly #backup: Backup
  readonly #secrets: ResourceSecrets
  readonly #log: Logger
  #ways: AsyncGenerator<Way> | undefined
  #config: ServingConfig | undefined

  constructor(backup: Backup, secrets: ResourceSecrets, log: Logger) {
    this.#backup = backup
    this.#secrets = secrets
    this.#log = log
  }

  /**
   * Changes the configuration to the next attempt, instead of the one before. False: there is none
   * left, all of the revision is served as it is.
   */
  async tryNext(config: ServingConfig, revision: number, reason: string): Promise<boolean> {
    if (this.#config !== config) this.#ways = undefined
    this.#config = config
    this.#ways ??= this.#findWays(config)
    config.pardon(revision)
    for (;;) {
      const { value: way, done } = await this.#ways.next()
      if (done) return false
      config.precede(revision, way.objects)
      const objects = config.refuse(revision, reason)
      if (objects === 0) continue
      const { file } = way
      if (file !== undefined) this.#log.error({ revision, file, objects }, 'going back to a backup')
      else this.#log.error({ revision, objects }, 'leaving out what was changed last')
      return true
    }
  }

  async *#findWays(config: ServingConfig): AsyncGenerator<Way> {
    const tried = new Set([config.source.mark.digest])
    for await (const { file, snapshot } of this.#backup.all()) {
      const state = await loadConfigState(snapshot)
      const { digest } = state.mark
      if (tried.has(digest)) continue
      tried.add(digest)
      const record = await quarantineRecord(snapshot, this.#secrets)
      const earlier = await ServingConfig.restore(state, record, this.#secrets)
      yield { file, objects: await differences(earlier, config) }
    }
    for (const objects of newestFirst(config).slice(0, MAX_LEFT_OUT)) yield { objects }
  }
}

/** The served objects by the time of their last change, newest first; without the oldest ones. */
function newestFirst(config: ServingConfig): ObjectBefore[][] {
  const byTime = new Map<number, ObjectBefore[]>()
  for (const kind of RESOURCE_KINDS) {
    for (const body of config.bodies(kind)) {
      const time = Number(body.update_time ?? 0)
      const objects = byTime.get(time) ?? []
      objects.push({ kind, id: resourceId(kind, body), body: undefined })
      byTime.set(time, objects)
    }
  }
  // Nothing but the oldest would be hardly better than nothing at all.
  const times = [...byTime.keys()].sort((a, b) => b - a).slice(0, -1)
  return times.map((time) => byTime.get(time) ?? [])
}
