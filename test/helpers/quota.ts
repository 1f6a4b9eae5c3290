import type { QuotaAnswer, QuotaRequest } from '../../src/model/quota.ts'
import { QuotaService } from '../../src/primary/quota/quota-service.ts'
import { WorkerLedger } from '../../src/worker/quota/worker-ledger.ts'

export interface QuotaRig {
  readonly service: QuotaService
  /** One per worker; the first has number 1. */
  readonly ledgers: readonly WorkerLedger[]
  /** Milliseconds that the clock of everyone shows. */
  clock: { now: number }
  /** A worker that neither sends nor receives for the time being; what it missed comes later. */
  freeze(worker: number): void
  thaw(worker: number): void
  /** The worker dies: nothing of it is heard any more. */
  kill(worker: number): void
  /** Messages that went either way. */
  messages: number
}

interface RigOptions {
  workers?: number
  maxKeys?: number
  timeoutMs?: number
}

/** A primary's and its workers' ledgers in one process; messages are copied as over IPC. */
export function createQuotaRig({ workers = 2, maxKeys, timeoutMs }: RigOptions = {}): QuotaRig {
  const clock = { now: 1_000_000 }
  const now = () => clock.now
  const frozen = new Map<number, (() => void)[]>()
  const dead = new Set<number>()
  const rig = { messages: 0 }

  function deliver(worker: number, run: () => void): void {
    rig.messages += 1
    if (dead.has(worker)) return
    const missed = frozen.get(worker)
    if (missed === undefined) setImmediate(() => dead.has(worker) || run())
    else missed.push(run)
  }

  const service = new QuotaService({
    workers: () => workers,
    now,
    ...(maxKeys === undefined ? {} : { maxKeys }),
  })
  const ledgers = Array.from({ length: workers }, (_, index) => {
    const worker = index + 1
    return new WorkerLedger({
      send(requests) {
        const copy = JSON.parse(JSON.stringify(requests)) as QuotaRequest[]
        deliver(worker, () => service.receive(worker, copy))
      },
      now,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    })
  })
  for (const [index, ledger] of ledgers.entries()) {
    service.join(index + 1, (answers) => {
      const copy = JSON.parse(JSON.stringify(answers)) as QuotaAnswer[]
      deliver(index + 1, () => ledger.receive(copy))
    })
  }

  return Object.assign(rig, {
    service,
    ledgers,
    clock,
    freeze: (worker: number) => void frozen.set(worker, []),
    thaw(worker: number) {
      const missed = frozen.get(worker) ?? []
      frozen.delete(worker)
      for (const run of missed) run()
    },
    kill(worker: number) {
      dead.add(worker)
      service.leave(worker)
    },
  })
}
