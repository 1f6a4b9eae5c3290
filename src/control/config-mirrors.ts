import type { Logger } from 'pino'
import type { Delta } from '../model/revision.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { ConfigRepository } from '../store/config-repository.ts'
import { ConfigMirror } from './config-mirror.ts'
import type { CredentialKeys } from './credential-keys.ts'

/** Each mirror holds a whole configuration in memory; more groups do without. */
const MAX_GROUPS = 64

/** Tells of every revision of a group, for ever; see store/config-follower.ts. */
export interface Follower {
  start(from: undefined, listener: FollowerListener): void
  stop(): Promise<void>
}

export interface FollowerListener {
  onSnapshot(snapshot: Snapshot): Promise<void> | void
  onDelta(delta: Delta): Promise<void> | void
  onState(state: { connected: boolean; reason?: string | undefined }): void
}

interface MirrorsOptions {
  repository: ConfigRepository
  createFollower: (group: string, log: Logger) => Follower
  log: Logger
  /** Hears what a mirror hears. */
  credentialKeys: Pick<CredentialKeys, 'listenFor'>
  /** Milliseconds since the epoch. */
  now?: () => number
}

/** The last known configuration of every group that somebody uses. */
export class ConfigMirrors {
  readonly #options: MirrorsOptions
  readonly #mirrors = new Map<string, { mirror: ConfigMirror; follower: Follower }>()
  #stopped = false

  constructor(options: MirrorsOptions) {
    this.#options = options
  }

  get stopped(): boolean {
    return this.#stopped
  }

  /** The group's mirror, once it holds something. */
  get(group: string): ConfigMirror | undefined {
    const mirror = this.#mirrors.get(group)?.mirror
    return mirror?.loaded ? mirror : undefined
  }

  /** Keeps a mirror of this group from now on. */
  follow(group: string): void {
    if (this.#stopped || this.#mirrors.has(group) || this.#mirrors.size >= MAX_GROUPS) return
    const { repository, createFollower, log, credentialKeys, now = Date.now } = this.#options
    const mirror = new ConfigMirror(group, repository, now)
    const follower = createFollower(group, log.child({ component: 'mirror', group }))
    this.#mirrors.set(group, { mirror, follower })
    follower.start(undefined, credentialKeys.listenFor(group, mirror))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#mirrors.values()].map(({ follower }) => follower.stop()))
  }
}
