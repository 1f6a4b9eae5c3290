import type { Logger } from 'pino'
import { ProtocolError } from '../model/errors.ts'
import type { PrimaryMessage, WorkerMessage } from '../model/ipc.ts'
import type { ResourceBody } from '../model/resource-kind.ts'
import type { Delta, RevisionMark } from '../model/revision.ts'
import type { RouterMode } from '../model/routing.ts'
import { type SecretsByObject, type SecretValue, secretsKey } from '../model/secret-value.ts'
import { resourceId } from '../model/snapshot.ts'
import { createQuarantineLog } from '../support/quarantine-log.ts'
import { TimeSlice } from '../support/time-slice.ts'
import type { PluginServices } from './plugins/plugin-services.ts'
import { RouteTable } from './route-table.ts'
import type { UpstreamFactory } from './upstream-factory.ts'

/** Deltas that compile more objects than this are built aside: about 5 ms of work. */
const MAX_COST_IN_PLACE = 200

type ConfigMessage = Extract<
  PrimaryMessage,
  { type: 'snapshot-begin' | 'snapshot-chunk' | 'snapshot-end' | 'delta' }
>

export interface ConfigHolder {
  /** What requests are answered from; undefined until the first snapshot is complete. */
  readonly current: RouteTable | undefined
  /** Takes the next message of the configuration stream; they are handled in order. */
  receive(message: ConfigMessage): void
}

/**
 * Keeps this worker's configuration current: snapshots are built aside, chunk by chunk, and
 * swapped in; deltas are applied in place, or aside when they are large. Each new revision is
 * acknowledged through `send`. Nothing is compiled before `ready`.
 */
export function createConfigHolder(
  factory: UpstreamFactory,
  plugins: PluginServices,
  log: Logger,
  send: (message: WorkerMessage) => void,
  ready: Promise<void> = Promise.resolve(),
  routerMode?: RouterMode,
): ConfigHolder {
  let current: RouteTable | undefined
  let staging: { table: RouteTable; mark: RevisionMark; startedAt: number } | undefined
  let queue: Promise<void> = ready
  const logQuarantine = createQuarantineLog(log)

  function receive(message: ConfigMessage): void {
    queue = queue.then(() => handle(message)).catch(askForSnapshot)
  }

  function handle(message: ConfigMessage): Promise<void> | undefined {
    switch (message.type) {
      case 'snapshot-begin': {
        staging?.table.stop()
        const table = new RouteTable(message.group, message.mark, factory, plugins, routerMode)
        staging = { table, mark: message.mark, startedAt: performance.now() }
        return undefined
      }
      case 'snapshot-chunk':
        for (const body of message.bodies) {
          staging?.table.load(message.kind, body, secretsIn(message, body), current)
        }
        return undefined
      case 'snapshot-end':
        return swapStaging()
      case 'delta':
        return applyDelta(message.delta, message.secrets)
    }
  }

  function swapStaging(): undefined {
    const finished = staging
    staging = undefined
    if (finished !== undefined) swapIn(finished.table, finished.mark, finished.startedAt)
  }

  async function applyDelta(delta: Delta, secrets: SecretsByObject = {}): Promise<void> {
    const startedAt = performance.now()
    if (current === undefined) throw new ProtocolError('GW_PROTOCOL_IPC', 'delta before snapshot')
    if (current.costOf(delta) <= MAX_COST_IN_PLACE) {
      current.apply(delta, secrets)
      acknowledge(current, startedAt)
      return
    }
    swapIn(await buildAside(current, delta, secrets), delta.to, startedAt)
  }

  /** A table with the delta applied, compiled in slices while the present one serves on. */
  async function buildAside(
    present: RouteTable,
    { to, changes }: Delta,
    secrets: SecretsByObject,
  ): Promise<RouteTable> {
    const table = new RouteTable(present.group, to, factory, plugins, routerMode)
    const slice = new TimeSlice()
    for (const [kind, body, values] of present.objectsAfter(changes, secrets)) {
      table.load(kind, body, values, present)
      if (slice.due) await slice.pause()
    }
    return table
  }

  function swapIn(table: RouteTable, announced: RevisionMark, startedAt: number): void {
    if (table.mark.digest !== announced.digest) {
      table.stop()
      throw new ProtocolError('GW_SNAPSHOT_INVALID', 'the digest differs from the announced one')
    }
    const previous = current
    current = table
    previous?.stop()
    acknowledge(table, startedAt)
  }

  function acknowledge(table: RouteTable, startedAt: number): void {
    const durationMs = performance.now() - startedAt
    const { mark, quarantined } = table
    log.debug({ revision: mark.revision, durationMs }, 'revision applied')
    logQuarantine(quarantined)
    send({ type: 'applied', mark, quarantined, durationMs })
  }

  function askForSnapshot(error: unknown): void {
    staging?.table.stop()
    staging = undefined
    log.error(
      { err: error, revision: current?.mark.revision },
      'configuration could not be applied',
    )
    send({ type: 'resync', reason: error instanceof Error ? error.message : String(error) })
  }

  return {
    receive,
    get current() {
      return current
    },
  }
}

function secretsIn(
  { kind, secrets }: Extract<ConfigMessage, { type: 'snapshot-chunk' }>,
  body: ResourceBody,
): readonly SecretValue[] | undefined {
  return secrets?.[secretsKey(kind, resourceId(kind, body))]
}
