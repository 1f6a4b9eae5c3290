import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, open, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { GatewayError } from '../model/errors.ts'
import { CuttableClient } from './client.ts'
import { choosePostgresAccount, type PostgresAccount } from './embedded/account.ts'
import { findPostgresBinaries, type PostgresBinaries } from './embedded/binaries.ts'
import { claimDataDir } from './embedded/claim.ts'
import { EMBEDDED_NAME, ensureCluster } from './embedded/cluster.ts'
import { clearOrphan } from './embedded/orphan.ts'
import { commandEnv } from './embedded/run.ts'
import { isConnectionFailure, isCredentialFailure } from './failure.ts'

const READY_POLL_MS = 25
/** Crash recovery of a large log may take minutes; a server that lives is left to it this long. */
const READY_DEADLINE_MS = 180_000
const PREPARE_TIMEOUT_MS = 10_000
const START_ATTEMPTS = 4
const START_RETRY_MS = 300
const FAST_STOP_MS = 10_000
const QUIT_STOP_MS = 5_000
const MAX_LOG_BYTES = 8 * 1024 * 1024
const LOG_TAIL_BYTES = 600

export interface EmbeddedPostgresOptions {
  /** Folder for the cluster, its password, port and log; created when missing. */
  dataDir: string
  /** Fixed port. Default: the one of the last start while it is free, else any free one. */
  port?: number
  log: Logger
  /** Server settings (`max_connections: '200'`) on top of ours. */
  settings?: Record<string, string>
  /** False trades safety against power loss for speed: tests only. Default true. */
  durable?: boolean
}

/** A running PostgreSQL on 127.0.0.1. */
export interface EmbeddedPostgres {
  /** Includes the password: never log it. */
  readonly url: string
  readonly port: number
  /** Process id of the postmaster. */
  readonly pid: number
  /** Stops the server (fast, then harder after 10 s). Idempotent. */
  stop(): Promise<void>
  /** Called once when the server ends without `stop`. */
  onExit(listener: (reason: string) => void): void
}

interface Launch {
  binaries: PostgresBinaries
  account: PostgresAccount
  dataDir: string
  password: string
  options: EmbeddedPostgresOptions
}

/**
 * Starts a real PostgreSQL as our child, making its cluster at first. It listens on the loopback
 * address only, with a password. It dies with us: on Linux it is told to stop when this process is
 * killed; elsewhere, the next start stops what was left over.
 * @throws GatewayError GW_EMBEDDED_DATABASE with the reason in plain words.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir)
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await chmod(dataDir, 0o700)
    const release = await claimDataDir(dataDir)
    return await startClaimed(dataDir, options, release)
  } catch (error) {
    if (error instanceof GatewayError) throw error
    const { message } = error as Error
    throw new GatewayError(
      'GW_EMBEDDED_DATABASE',
      `the embedded PostgreSQL cannot use ${dataDir}: ${message}`,
      { cause: error },
    )
  }
}

async function startClaimed(
  dataDir: string,
  options: EmbeddedPostgresOptions,
  release: () => Promise<void>,
): Promise<EmbeddedPostgres> {
  try {
    const binaries = await findPostgresBinaries()
    const account = await choosePostgresAccount(dataDir, binaries)
    if (account.capability) {
      const { capability } = account
      options.log.warn(
        { capability },
        'embedded postgresql needs a capability to reach its folders',
      )
    }
    await clearOrphan(dataDir, options.log)
    const durable = options.durable ?? true
    const { password, created } = await ensureCluster(dataDir, binaries, account, durable)
    const { child, port } = await launch({ binaries, account, dataDir, password, options })
    options.log.info({ port, serverPid: child.pid, created }, 'embedded postgresql started')
    return running(child, port, password, release)
  } catch (error) {
    await release()
    throw error
  }
}

/**
 * Starts the server and waits until it answers. A start may fail for reasons that pass: the port
 * was taken since it was chosen, backends of a killed server still hold its shared memory.
 */
async function launch(target: Launch): Promise<{ child: ChildProcess; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await choosePort(target, attempt)
    const child = await spawnServer(target, port)
    const failure = await becomesReady(child, port, target.password).catch(async (error) => {
      await stopServer(child)
      throw error
    })
    if (failure === undefined) {
      await writeFile(join(target.dataDir, 'port'), `${port}\n`)
      return { child, port }
    }
    await stopServer(child)
    if (attempt === START_ATTEMPTS || failure === 'deadline') throw await startFailure(target, port)
    await delay(START_RETRY_MS)
  }
}

async function choosePort({ dataDir, options }: Launch, attempt: number): Promise<number> {
  if (options.port !== undefined) return options.port
  const remembered = Number(await readFile(join(dataDir, 'port'), 'utf8').catch(() => '0'))
  const wanted = attempt < START_ATTEMPTS ? remembered : 0
  return (await bindablePort(wanted)) ?? (await bindablePort(0)) ?? 0
}

/** Resolves to a port that could be bound just now, or undefined. */
async function bindablePort(port: number): Promise<number | undefined> {
  // An idle listener of somebody else with SO_REUSEPORT would not make the bind below fail.
  if (port !== 0 && (await accepts(port))) return undefined
  const server = createServer()
  try {
    server.listen({ host: '127.0.0.1', port })
    await once(server, 'listening')
    const address = server.address()
    return address !== null && typeof address === 'object' ? address.port : undefined
  } catch {
    return undefined
  } finally {
    if (server.listening) await new Promise((done) => server.close(done))
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function spawnServer(target: Launch, port: number): Promise<ChildProcess> {
  const { binaries, account, dataDir, options } = target
  const settings = {
    ...serverSettings(options.durable ?? true),
    ...options.settings,
    listen_addresses: '127.0.0.1',
    port: String(port),
  }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const command = [...account.prefix, binaries.postgres, '-D', join(dataDir, 'cluster'), ...args]
  const logFile = await openLog(dataDir)
  try {
    const [file = '', ...rest] = command
    // Detached: Ctrl-C in a terminal is for us; we stop the server last.
    const child = spawn(file, rest, {
      cwd: '/',
      detached: true,
      env: commandEnv(),
      stdio: ['ignore', logFile.fd, logFile.fd],
      ...(account.prefix.length === 0 && account.owner),
    })
    child.on('error', () => {})
    return child
  } finally {
    await logFile.close()
  }
}

function serverSettings(durable: boolean): Record<string, string> {
  const safety = durable ? 'on' : 'off'
  return {
    unix_socket_directories: '',
    fsync: safety,
    full_page_writes: safety,
    synchronous_commit: safety,
    max_connections: '100',
    shared_buffers: '64MB',
    max_wal_size: '256MB',
    jit: 'off',
    log_line_prefix: '%m [%p] ',
    // Statements may hold secrets of the configuration.
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
  }
}

async function openLog(dataDir: string) {
  const file = join(dataDir, 'postgres.log')
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  )
  if (size > MAX_LOG_BYTES) await rename(file, `${file}.1`)
  return open(file, 'a', 0o600)
}

/** Undefined when the server answers; else what ended the wait. */
async function becomesReady(
  child: ChildProcess,
  port: number,
  password: string,
): Promise<'exit' | 'deadline' | undefined> {
  const deadline = performance.now() + READY_DEADLINE_MS
  while (performance.now() < deadline) {
    if (hasEnded(child)) return 'exit'
    if (await prepareDatabase(port, password)) return hasEnded(child) ? 'exit' : undefined
    await delay(READY_POLL_MS)
  }
  return 'deadline'
}

/**
 * Connects, and creates our database at the first start. False = try again soon.
 * @throws the server's answer when it is up and refuses.
 */
async function prepareDatabase(port: number, password: string): Promise<boolean> {
  const client = new CuttableClient({
    ...{ host: '127.0.0.1', port, user: EMBEDDED_NAME, password, database: 'postgres' },
    options: '-c default_transaction_read_only=off',
    ssl: false,
  })
  try {
    const deadlineAt = performance.now() + PREPARE_TIMEOUT_MS
    await client.connectUntil(deadlineAt)
    const find = 'SELECT FROM pg_database WHERE datname = $1'
    const { rowCount } = await client.queryUntil(deadlineAt, find, [EMBEDDED_NAME])
    if (rowCount === 0) await client.queryUntil(deadlineAt, `CREATE DATABASE ${EMBEDDED_NAME}`)
    return true
  } catch (error) {
    if (isCredentialFailure(error) || !isConnectionFailure(error)) throw error
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

async function startFailure({ dataDir }: Launch, port: number): Promise<GatewayError> {
  const file = join(dataDir, 'postgres.log')
  const text = await readFile(file, 'utf8').catch(() => '')
  return new GatewayError(
    'GW_EMBEDDED_DATABASE',
    `the embedded PostgreSQL did not start on 127.0.0.1:${port}; end of ${file}: ` +
      text.slice(-LOG_TAIL_BYTES).trim(),
  )
}

function running(
  child: ChildProcess,
  port: number,
  password: string,
  release: () => Promise<void>,
): EmbeddedPostgres {
  let stopping: Promise<void> | undefined
  return {
    url: `postgres://${EMBEDDED_NAME}:${password}@127.0.0.1:${port}/${EMBEDDED_NAME}`,
    port,
    pid: child.pid ?? 0,
    stop() {
      stopping ??= stopServer(child).then(release)
      return stopping
    },
    onExit(listener) {
      child.once('exit', (code, signal) => {
        if (stopping === undefined) listener(signal ? `killed by ${signal}` : `exit code ${code}`)
      })
    },
  }
}

/** Fast shutdown (clients are disconnected), then immediate (crash recovery next time), then kill. */
async function stopServer(child: ChildProcess): Promise<void> {
  for (const [signal, waitMs] of [
    ['SIGINT', FAST_STOP_MS],
    ['SIGQUIT', QUIT_STOP_MS],
    ['SIGKILL', QUIT_STOP_MS],
  ] as const) {
    if (hasEnded(child)) return
    const ended = once(child, 'exit', { signal: AbortSignal.timeout(waitMs) })
    child.kill(signal)
    await ended.catch(() => {})
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}
