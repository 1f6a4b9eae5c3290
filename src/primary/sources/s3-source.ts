import type { RevisionMark } from '../../model/revision.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import type { FollowerListener } from '../../store/config-follower.ts'
import { backoffMs } from '../../support/backoff.ts'
import type { ConfigSource, SnapshotImporter } from './config-source.ts'

const RETRY = { baseMs: 1_000, maxMs: 30_000 }

/** What a control plane exported to S3, looked at every so often; the only source of this instance. */
export function createS3Source(importer: SnapshotImporter, intervalMs: number): ConfigSource {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let reading: Promise<void> | undefined
  let known: RevisionMark | undefined
  let failures = 0

  async function read(listener: FollowerListener): Promise<void> {
    const snapshot = await importer.load({ have: known, followEpoch: true })
    if (stopped) return
    const reason = snapshot === undefined ? undefined : await deliver(listener, snapshot)
    say(listener, reason ?? importer.state.error)
  }

  /** Undefined, or why it was not taken over. */
  async function deliver(
    listener: FollowerListener,
    snapshot: Snapshot,
  ): Promise<string | undefined> {
    try {
      await listener.onSnapshot(snapshot, 'initial')
    } catch (error) {
      return (error as Error).message
    }
    const { epoch, revision, digest } = snapshot._meta
    known = { epoch, revision, digest }
    return undefined
  }

  function say(listener: FollowerListener, reason: string | undefined): void {
    failures = reason === undefined ? 0 : failures + 1
    const connected = reason === undefined && known !== undefined
    listener.onState({ connected, ...(reason !== undefined && { reason }), since: new Date() })
  }

  function loop(listener: FollowerListener): void {
    reading = read(listener).then(() => {
      if (stopped) return
      const delayMs = failures === 0 ? intervalMs : 500 + backoffMs(failures - 1, RETRY)
      timer = setTimeout(() => loop(listener), delayMs)
    })
  }

  return {
    tier: 's3',
    local: false,
    start(from, listener) {
      known = from
      loop(listener)
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      importer.stop()
      await reading
    },
  }
}
