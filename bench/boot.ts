/**
 * How long a gateway takes from the start of its process until it is ready, from a backup, with
 * PostgreSQL away. `node bench/boot.ts [routes …]`; prints milliseconds, best and median of several.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { ConfigState } from '../src/model/config-state.ts'
import { createBackup } from '../src/primary/backup/backup.ts'
import { ServingConfig } from '../src/primary/serving-config.ts'

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const RUNS = Number(process.env['RUNS'] ?? 7)
const WORKERS = process.env['WORKERS'] ?? '2'
const POLL_MS = 5
const STATUS_PORT = await freePort()

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function writeBackup(dataDir: string, routes: number): Promise<void> {
  const state = new ConfigState('default', { epoch: 'bench', revision: 1 })
  for (let n = 0; n < routes; n++) {
    const nodes = { [`10.0.${(n >> 8) & 255}.${n & 255}:8080`]: 1 }
    const route = { id: `${n}`, name: `route ${n}`, uri: `/api/service-${n}/*` }
    state.load('routes', { ...route, upstream: { type: 'roundrobin', nodes } })
  }
  const config = await ServingConfig.build(state)
  const log = pino({ level: 'warn' })
  const options = { dataDir, group: 'default', generations: 5, log, current: () => config }
  const backup = createBackup(options)
  backup.schedule()
  await backup.stop()
}

function isReady(): Promise<boolean> {
  return new Promise((resolve) => {
    request({ port: STATUS_PORT, host: '127.0.0.1', path: '/status/ready' }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode === 200))
    })
      .on('error', () => resolve(false))
      .end()
  })
}

async function boot(dataDir: string): Promise<number> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [MAIN, 'gateway'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOLDFAST_ENV_FILE: '/dev/null',
      HOLDFAST_DATABASE_URL: 'postgres://127.0.0.1:1/none',
      HOLDFAST_DATA_DIR: dataDir,
      HOLDFAST_WORKERS: WORKERS,
      HOLDFAST_HTTP_LISTEN: '127.0.0.1:0',
      HOLDFAST_METRICS_LISTEN: '127.0.0.1:0',
      HOLDFAST_CONTROL_API_LISTEN: 'off',
      HOLDFAST_STATUS_LISTEN: `127.0.0.1:${STATUS_PORT}`,
    },
    stdio: ['ignore', process.env['VERBOSE'] ? 'inherit' : 'ignore', 'inherit'],
  })
  while (!(await isReady())) await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  const tookMs = performance.now() - startedAt
  child.kill('SIGTERM')
  await once(child, 'exit')
  return tookMs
}

const sizes = process.argv.slice(2).map(Number)
for (const routes of sizes.length > 0 ? sizes : [1_000, 10_000]) {
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  await writeBackup(dataDir, routes)
  const times: number[] = []
  for (let run = 0; run < RUNS; run++) times.push(await boot(dataDir))
  times.sort((a, b) => a - b)
  const [best = 0] = times
  const median = times[Math.floor(times.length / 2)] ?? 0
  console.log(
    `${routes} routes, ${WORKERS} workers: best ${best.toFixed(0)} ms, median ${median.toFixed(0)} ms`,
  )
  await rm(dataDir, { recursive: true, maxRetries: 10 })
}
