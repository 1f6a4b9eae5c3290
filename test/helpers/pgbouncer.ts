import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, chmod, constants, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { freePort } from './free-port.ts'
import { query } from './postgres-cluster.ts'
import { until } from './stack.ts'

/** Debian's place is not in everybody's PATH. */
const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']

/** Fewer than the clients: they have to share, and whatever one leaves behind meets another. */
const SERVER_CONNECTIONS = 3

export interface TestPooler {
  /** Leads through the pooler, in transaction mode. */
  readonly url: string
  /** SIGKILL; resolves when it has ended. */
  kill(): Promise<void>
  start(): Promise<void>
}

/** Path of the program; undefined where PgBouncer is not installed. */
export async function findPgbouncer(): Promise<string | undefined> {
  for (const folder of FOLDERS) {
    const path = join(folder, 'pgbouncer')
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return path
  }
  return undefined
}

/** Runs PgBouncer in front of a server; it ends with the test. */
export async function startPgbouncer(
  t: { after(fn: () => Promise<void>): void },
  program: string,
  serverUrl: string,
): Promise<TestPooler> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
  // As root, it runs as another user, which has to read its settings.
  await chmod(folder, 0o755)
  const port = await freePort()
  const server = new URL(serverUrl)
  const settings = join(folder, 'pgbouncer.ini')
  await writeFile(settings, settingsFor(server, port))
  server.port = String(port)
  const url = server.href
  const account = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  let child: ChildProcess | undefined

  const pooler = {
    url,
    async start() {
      child = spawn(program, ['-q', ...account, settings], { stdio: 'ignore' })
      await until(() =>
        query(url, 'SELECT 1').then(
          () => true,
          () => false,
        ),
      )
    },
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
  t.after(async () => {
    await pooler.kill()
    await rm(folder, { recursive: true, force: true })
  })
  await pooler.start()
  return pooler
}

function settingsFor({ hostname, port, username, password }: URL, listenPort: number): string {
  return `[databases]
* = host=${hostname} port=${port} user=${username} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${SERVER_CONNECTIONS}
server_login_retry = 1
`
}
