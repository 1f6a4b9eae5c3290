import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { withDescendants } from './cpu.ts'
import { PROBE_DIR, type Probe } from './probe.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const PROBE = new URL('./probe.ts', import.meta.url).href

type LogLine = { msg: string; [field: string]: unknown }

/** A Holdfast process with its log, and its workers. */
export interface Fleet {
  readonly pid: number
  /** Calls back with each line that is logged. */
  onLog(listener: (line: LogLine) => void): () => void
  /** The first line with this message, past or future. */
  logged(msg: string): Promise<LogLine>
  /** What the process, and then each of its workers, holds after its garbage is collected. */
  probe(): Promise<Probe[]>
  stop(): Promise<void>
}

/** Runs `holdfast VERB` with these settings, watched by a probe that answers into `folder`. */
function startFleet(verb: string, folder: string, env: Record<string, string>): Fleet {
  const probes = join(folder, 'probes')
  const child = spawn(process.execPath, [MAIN, verb], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOLDFAST_ENV_FILE: '/dev/null',
      NODE_OPTIONS: `--import=${PROBE} ${process.env['BENCH_NODE_OPTIONS'] ?? ''}`,
      [PROBE_DIR]: probes,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const { pid } = child
  if (pid === undefined) throw new Error('could not be started')
  const events = new EventEmitter().setMaxListeners(0)
  const seen = new Map<string, LogLine>()
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = parse(text)
    if (!seen.has(line.msg)) seen.set(line.msg, line)
    events.emit('line', line)
    if (process.env['VERBOSE']) console.error(text)
  })

  return {
    pid,
    onLog(listener) {
      events.on('line', listener)
      return () => void events.off('line', listener)
    },
    logged(msg) {
      const found = seen.get(msg)
      if (found !== undefined) return Promise.resolve(found)
      return new Promise((resolve, reject) => {
        events.on('line', (line: LogLine) => line.msg === msg && resolve(line))
        child.once('exit', (code) => reject(new Error(`ended with ${code} before "${msg}"`)))
      })
    },
    async probe() {
      const found: Probe[] = []
      for (const one of withDescendants(pid)) found.push(await probeOne(one, probes))
      return found
    },
    stop: () => ended(child),
  }
}

/** A control plane on a free port. */
export async function startControl(folder: string, databaseUrl: string) {
  const key = randomBytes(16).toString('hex')
  const fleet = startFleet('control', folder, {
    HOLDFAST_DATABASE_URL: databaseUrl,
    HOLDFAST_ADMIN_KEY: key,
    HOLDFAST_ADMIN_LISTEN: '127.0.0.1:0',
    HOLDFAST_LOG_LEVEL: 'info',
  })
  const { address } = await fleet.logged('control plane listening')
  const url = urlOf(address)
  await until(async () => (await fetch(`${url}/status/ready`)).ok)

  async function call(method: string, path: string, body?: unknown): Promise<unknown> {
    const init = { method, headers: { 'x-api-key': key } }
    const answer = await fetch(
      `${url}${path}`,
      body === undefined ? init : { ...init, body: JSON.stringify(body) },
    )
    if (!answer.ok) throw new Error(`${method} ${path}: ${(await answer.text()).slice(0, 500)}`)
    return answer.json()
  }
  return { ...fleet, call }
}

export type Control = Awaited<ReturnType<typeof startControl>>

/** A gateway on free ports; returns when it is ready, with the time that took. */
export async function startGateway(folder: string, databaseUrl: string, workers: number) {
  const startedAt = performance.now()
  const fleet = startFleet('gateway', folder, {
    HOLDFAST_DATABASE_URL: databaseUrl,
    HOLDFAST_DATA_DIR: join(folder, 'gateway'),
    HOLDFAST_WORKERS: String(workers),
    HOLDFAST_HTTP_LISTEN: '127.0.0.1:0',
    HOLDFAST_STATUS_LISTEN: '127.0.0.1:0',
    HOLDFAST_METRICS_LISTEN: '127.0.0.1:0',
    HOLDFAST_CONTROL_API_LISTEN: 'off',
    HOLDFAST_LOG_LEVEL: 'debug',
  })
  const statusUrl = urlOf((await fleet.logged('gateway starting'))['status'])
  const listening = await fleet.logged('gateway listening')
  await until(async () => (await fetch(`${statusUrl}/status/ready`)).ok)
  const readyMs = performance.now() - startedAt
  const url = urlOf((listening['listeners'] as unknown[])[0])

  /** Resolves when all workers serve this revision. */
  async function serves(revision: number): Promise<void> {
    await until(async () => {
      const sync = (await (await fetch(`${statusUrl}/status/sync`)).json()) as SyncAnswer
      return (
        sync.workers.length === workers && sync.workers.every((one) => one.revision >= revision)
      )
    })
  }
  return { ...fleet, url, statusUrl, readyMs, serves }
}

export type Gateway = Awaited<ReturnType<typeof startGateway>>

interface SyncAnswer {
  workers: { revision: number }[]
}

async function probeOne(pid: number, folder: string): Promise<Probe> {
  const file = join(folder, `${pid}.json`)
  rmSync(file, { force: true })
  process.kill(pid, 'SIGPWR')
  await until(() => existsSync(file) && readFileSync(file, 'utf8') !== '')
  return JSON.parse(readFileSync(file, 'utf8'))
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}

function urlOf(address: unknown): string {
  const { host, port } = address as { host: string; port: number }
  return `http://${host}:${port}`
}

function parse(text: string): LogLine {
  try {
    return JSON.parse(text)
  } catch {
    return { msg: text }
  }
}
