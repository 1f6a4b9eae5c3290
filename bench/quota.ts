/**
 * What the quota ledger costs a request, in nanoseconds of one core: `node bench/quota.ts`. Both
 * sides run in this process; messages between them are copied as over IPC.
 */
import type { QuotaAnswer, QuotaRequest, WindowTerms } from '../src/model/quota.ts'
import { QuotaService } from '../src/primary/quota/quota-service.ts'
import { WorkerLedger } from '../src/worker/quota/worker-ledger.ts'

const ROUNDS = 5
const REQUESTS = 400_000
const KEYS = 1_000

const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

const service = new QuotaService({ workers: () => 4 })
const ledger = new WorkerLedger({
  send: (requests) => {
    const sent = copy(requests) as QuotaRequest[]
    setImmediate(() => service.receive(1, sent))
  },
})
service.join(1, (answers) => {
  const sent = copy(answers) as QuotaAnswer[]
  setImmediate(() => ledger.receive(sent))
})

async function measure(name: string, requests: number, run: (n: number) => unknown) {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const started = process.cpuUsage()
    for (let n = 0; n < requests; n++) {
      const result = run(n)
      if (result instanceof Promise) await result
    }
    const { user, system } = process.cpuUsage(started)
    best = Math.min(best, ((user + system) * 1_000) / requests)
  }
  process.stdout.write(`${name.padEnd(52)} ${best.toFixed(0).padStart(7)} ns\n`)
}

/** Many at once, as in a turn of a busy event loop. */
async function measureAtOnce(name: string, run: (n: number) => Promise<unknown>) {
  await measure(name, REQUESTS / 2_000, (batch) =>
    Promise.all(Array.from({ length: 100 }, (_, n) => run(batch * 100 + n))),
  )
}

const plenty: WindowTerms = { limit: 1_000_000_000, windowMs: 3_600_000, sliding: false }
const key = (n: number) => `limit-count:routes/1:abcdefghijkl:192.0.2.${n % KEYS}`
const keys = Array.from({ length: KEYS }, (_, n) => key(n))

await measure('window, one key, leased', REQUESTS, () => ledger.take('one', plenty))
await measure('window, 1 000 keys, leased', REQUESTS, (n) =>
  ledger.take(keys[n % KEYS] as string, plenty),
)
await measure('sliding window, leased', REQUESTS, () =>
  ledger.take('sliding', { ...plenty, sliding: true }),
)
const spent: WindowTerms = { limit: 1, windowMs: 3_600_000, sliding: false }
await measure('window, spent: refused without asking', REQUESTS, () => ledger.take('spent', spent))
await measureAtOnce('bucket, 100 requests at once, each 1/100 of this', (n) =>
  ledger.pour(key(n), 1e9, 1e9),
)
await measureAtOnce('place, taken and given back, 100 at once, likewise', async (n) => {
  const place = await ledger.enter(key(n), 1_000)
  place?.release()
})
let fresh = 0
await measure('window, has to ask, one request at a time', REQUESTS / 40, () => {
  fresh += 1
  return ledger.take(`new ${fresh}`, plenty)
})
ledger.stop()
service.stop()
