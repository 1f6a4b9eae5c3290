import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pino from 'pino'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts'
import { freePort } from './free-port.ts'

const run = promisify(execFile)

/** A PostgreSQL of its own, for tests that stop, freeze or kill it. The URL survives restarts. */
export interface TestPostgres {
  readonly url: string
  readonly port: number
  /** Holds `cluster`, `password` and `postgres.log`. */
  readonly dataDir: string
  /** Process id of the postmaster; changes with each start. */
  readonly pid: number
  /** Starts it again after `stop` or `kill`. */
  start(): Promise<void>
  stop(): Promise<void>
  /** SIGKILL to the postmaster: a crash. Resolves when it has ended. */
  kill(): Promise<void>
  /** SIGSTOP to the server and all its backends: connections are accepted, nothing answers. */
  freeze(): Promise<void>
  thaw(): Promise<void>
  /** Stops it and removes its folder. */
  remove(): Promise<void>
}

/** Where `npm test` tells the test processes of a data directory that nobody uses: to copy one is quicker. */
export const TEST_POSTGRES_CLUSTER = 'TEST_POSTGRES_CLUSTER'

/**
 * Starts a server in a folder of its own under the system's temporary folder. `prepare` may fill the
 * data directory before, with the copy of another server's.
 */
export async function startServer(
  settings: Record<string, string> = {},
  prepare: (dataDir: string) => Promise<void> = copyUnused,
): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
  // As root, PostgreSQL runs as another user, which has to get in.
  await chmod(folder, 0o711)
  const port = await freePort()
  const launch = () =>
    startEmbeddedPostgres({
      dataDir: join(folder, 'postgres'),
      log: pino({ level: 'silent' }),
      durable: false,
      settings: { max_connections: '200', ...settings },
      port,
    })
  const first = await prepare(join(folder, 'postgres'))
    .then(() => launch())
    .catch(async (error) => {
      await rm(folder, { recursive: true, force: true })
      throw error
    })
  let server: EmbeddedPostgres = first

  const signalAll = async (signal: NodeJS.Signals) => {
    process.kill(server.pid, signal)
    for (const child of await childrenOf(server.pid)) signalIfAlive(child, signal)
  }
  return {
    url: first.url,
    port,
    dataDir: join(folder, 'postgres'),
    get pid() {
      return server.pid
    },
    async start() {
      server = await launch()
    },
    stop: () => server.stop(),
    async kill() {
      const ended = new Promise<void>((resolve) => server.onExit(() => resolve()))
      process.kill(server.pid, 'SIGKILL')
      await ended
      await server.stop()
    },
    freeze: () => signalAll('SIGSTOP'),
    thaw: () => signalAll('SIGCONT'),
    async remove() {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Copies the cluster of a stopped server, with the password that it has. */
export async function copyCluster(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o700 })
  await run('cp', ['-a', join(from, 'cluster'), join(from, 'password'), to])
}

/** Makes the data directory of a new server, if there is one to copy; else left to its first start. */
export async function copyUnused(dataDir: string): Promise<void> {
  const unused = process.env[TEST_POSTGRES_CLUSTER]
  if (unused !== undefined) await copyCluster(unused, dataDir)
}

/** A backend may end between being listed and being signalled. */
function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Direct children, from /proc: `ps` is not everywhere. */
async function childrenOf(pid: number): Promise<number[]> {
  const children: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    if (parent === pid) children.push(Number(name))
  }
  return children
}
