import type { Logger } from 'pino'
import type { ConfigState } from '../../model/config-state.ts'
import type { Delta } from '../../model/revision.ts'
import { SNAPSHOT_FORMAT, type Snapshot } from '../../model/snapshot.ts'
import type { FollowerListener } from '../../store/config-follower.ts'
import type { ConfigSource } from './config-source.ts'
import { diffConfig } from './diff-config.ts'
import { type FileWatch, watchFile } from './file-watch.ts'
import { loadConfigFile } from './load-config-file.ts'

/** The history of every file: its revisions count the changes that this instance saw. */
export const FILE_EPOCH = 'file'
/** More changes than this travel as a snapshot, which is sent in pieces. */
const MAX_DELTA = 500

interface FileSourceOptions {
  path: string
  group: string
  log: Logger
  /** The source's configuration as it is now; only this source changes it. */
  current: () => ConfigState | undefined
}

/** A configuration file, read again whenever it changes. A broken one changes nothing. */
export function createFileSource(options: FileSourceOptions): ConfigSource {
  return new FileSource(options)
}

class FileSource implements ConfigSource {
  readonly tier = 'file'
  readonly local = true
  readonly #options: FileSourceOptions
  #listener: FollowerListener | undefined
  #watch: FileWatch | undefined
  #reading: Promise<void> | undefined
  #again = false
  #stopped = false
  #reason: string | undefined = 'not read yet'

  constructor(options: FileSourceOptions) {
    this.#options = options
  }

  start(_from: unknown, listener: FollowerListener): void {
    this.#listener = listener
    this.#watch = watchFile(this.#options.path, () => this.reload())
  }

  reload(): void {
    this.#again = true
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#watch?.stop()
    await this.#reading
  }

  /** What changes during a read is read again. */
  async #readAll(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false
      await this.#read()
    }
  }

  async #read(): Promise<void> {
    const { path, log } = this.#options
    try {
      const { collections, ignored } = await loadConfigFile(path)
      if (this.#stopped) return
      if (ignored.length > 0) log.warn({ path, ignored }, 'collections that are not served')
      await this.#deliver(collections)
      if (this.#reason !== undefined) log.info({ path }, 'configuration file read')
      this.#say(undefined)
    } catch (error) {
      const reason = `${path}: ${(error as Error).message}`
      log.error({ path, reason }, 'configuration file can not be used, what was served stays')
      this.#say(reason)
    }
  }

  async #deliver(collections: Omit<Snapshot, '_meta'>): Promise<void> {
    const { current, group } = this.#options
    const before = current()
    const at = { epoch: FILE_EPOCH, revision: 1 }
    if (before?.mark.epoch !== FILE_EPOCH) return this.#deliverSnapshot(at, collections)
    const delta: Delta | undefined = await diffConfig(before, collections)
    if (delta === undefined) return
    if (delta.changes.length > MAX_DELTA) return this.#deliverSnapshot(delta.to, collections)
    this.#options.log.info({ group, changes: delta.changes.length }, 'configuration file changed')
    await this.#listener?.onDelta(delta)
  }

  async #deliverSnapshot(
    at: { epoch: string; revision: number },
    collections: Omit<Snapshot, '_meta'>,
  ): Promise<void> {
    const { group } = this.#options
    const generatedAt = new Date().toISOString()
    const _meta = { format: SNAPSHOT_FORMAT, group, ...at, digest: '', generatedAt }
    await this.#listener?.onSnapshot({ ...collections, _meta } as Snapshot, 'initial')
  }

  #say(reason: string | undefined): void {
    this.#reason = reason
    const since = new Date()
    this.#listener?.onState({
      connected: reason === undefined,
      ...(reason !== undefined && { reason }),
      since,
    })
  }
}
