// Active checks of many nodes: what they cost the primary, and how late they are.
// Usage: node bench/health-checks.ts [nodes] [share of nodes that hang, 0 to 1]
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { ConfigState } from '../src/model/config-state.ts'
import { HealthKeeper } from '../src/primary/health/health-keeper.ts'
import { HealthService } from '../src/primary/health/health-service.ts'
import { ServingConfig } from '../src/primary/serving-config.ts'
import { createLogger } from '../src/support/logger.ts'
import { createNameLookup } from '../src/upstream/names/name-lookup.ts'
import { createNameService } from '../src/upstream/names/name-service.ts'

const SECONDS = 10
const NODES_PER_UPSTREAM = 10

/** Plays all nodes, on all addresses of 127.0.0.0/8; addresses that end in 9 hang, if some should. */
async function playNodes(): Promise<void> {
  let checks = 0
  const share = Number(process.argv[3] ?? 0)
  const server = createServer((socket) => {
    checks++
    socket.on('error', () => {})
    const last = Number(socket.localAddress?.split('.')[3])
    if ((last % 10) / 10 < share) return
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'))
  })
  server.listen(0, '0.0.0.0')
  await once(server, 'listening')
  parentPort?.postMessage((server.address() as AddressInfo).port)
  parentPort?.on('message', () => parentPort?.postMessage(checks))
}

async function run(nodes: number): Promise<void> {
  const server = new Worker(import.meta.filename, { argv: process.argv.slice(2) })
  const [port] = await once(server, 'message')
  const state = new ConfigState('default', { epoch: 'e', revision: 1 })
  for (let first = 0; first < nodes; first += NODES_PER_UPSTREAM) {
    const addresses = Array.from({ length: NODES_PER_UPSTREAM }, (_, n) => {
      const at = first + n + 1
      return [`127.0.${Math.floor(at / 250) + 1}.${(at % 250) + 1}:${port}`, 1]
    })
    const checks = { active: { http_path: '/', healthy: {}, unhealthy: {} } }
    const upstream = { type: 'roundrobin', nodes: Object.fromEntries(addresses), checks }
    state.load('routes', { id: `r${first}`, uri: `/r${first}`, upstream })
  }
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  const log = createLogger({ level: 'error', role: 'gateway' })
  const health = new HealthService({
    concurrency: 256,
    trustedCa: undefined,
    names: createNameService(createNameLookup({ servers: [], timeoutMs: 1_000 }), {
      minTtlMs: 1_000,
      maxTtlMs: 60_000,
    }),
    keeper: new HealthKeeper(folder, 'bench', log),
    log,
    send: () => {},
  })
  const loop = monitorEventLoopDelay({ resolution: 5 })
  health.onSnapshot(await ServingConfig.build(state))
  await health.settled
  await delay(3_000)
  loop.enable()
  const cpu = process.cpuUsage()
  server.postMessage('count')
  const [before] = await once(server, 'message')
  await delay(SECONDS * 1_000)
  server.postMessage('count')
  const [after] = await once(server, 'message')
  const { user, system } = process.cpuUsage(cpu)
  console.table({
    nodes,
    'checks per second': Math.round((after - before) / SECONDS),
    'CPU of a core, nodes played included, %': Math.round((user + system) / SECONDS / 10_000),
    'loop delay p99, ms': loop.percentile(99) / 1e6 - 5,
    'loop delay max, ms': loop.max / 1e6 - 5,
    unhealthy: health.counts.unhealthy,
    'memory, MB': Math.round(process.memoryUsage.rss() / 1e6),
  })
  rmSync(folder, { recursive: true })
  process.exit(0)
}

if (isMainThread) await run(Number(process.argv[2] ?? 1_000))
else await playNodes()
