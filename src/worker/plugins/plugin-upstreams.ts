import type { UpstreamHandle } from '../../model/request-context.ts'
import type { UpstreamDirectory } from '../../plugins/contract.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import type { StoredUpstream } from '../stored-objects.ts'
import type { UpstreamCell } from '../upstream-cell.ts'

/** Where a plugin sends a request; the worker looks into it when the request goes to a node. */
export interface WorkerUpstreamHandle extends UpstreamHandle {
  /** Undefined when the object it refers to is gone. */
  readonly current: Upstream | undefined
}

/** Finds and makes upstreams for the plugins of one configuration. */
export interface UpstreamSource {
  find(id: string): UpstreamCell | undefined
  create(body: StoredUpstream): Upstream
}

/** The upstreams of one plugin instance; `release` gives up those it made. */
export function createPluginUpstreams(source: UpstreamSource): {
  directory: UpstreamDirectory
  release(): void
} {
  const made: Upstream[] = []
  const directory: UpstreamDirectory = {
    refer(upstreamId): WorkerUpstreamHandle {
      return {
        upstreamId,
        get current() {
          return source.find(upstreamId)?.current
        },
      }
    },
    create(config): WorkerUpstreamHandle {
      const current = source.create(config as StoredUpstream)
      made.push(current)
      return { upstreamId: undefined, current }
    },
  }
  return {
    directory,
    release() {
      for (const upstream of made) upstream.stop()
    },
  }
}
