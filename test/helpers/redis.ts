import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from './free-port.ts'
import { NODE_CERT, NODE_KEY } from './node-certificate.ts'
import { until } from './stack.ts'

const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/sbin']
const LOOPBACK = '127.0.0.1'

export interface TestRedis {
  readonly port: number
  /** SIGKILL; resolves when it has ended. */
  kill(): Promise<void>
  start(): Promise<void>
  freeze(): void
  thaw(): void
}

interface Finished {
  after(fn: () => Promise<void>): void
}

/** Path of the program; undefined where Redis is not installed. */
export async function findRedis(): Promise<string | undefined> {
  for (const folder of FOLDERS) {
    const path = join(folder, 'redis-server')
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return path
  }
  return undefined
}

/** Runs a Redis without persistence; it ends with the test. `more`: lines of its settings. */
export async function startRedis(
  t: Finished,
  program: string,
  more: readonly string[] = [],
  flags: readonly string[] = [],
): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
  const port = await freePort()
  const settings = join(folder, 'redis.conf')
  const own = [`port ${port}`, `bind ${LOOPBACK}`, `dir ${folder}`, 'save ""', 'appendonly no']
  const base = flags.includes('--sentinel') ? own.slice(0, 3) : own
  await writeFile(settings, [...base, ...more].join('\n'))
  let child: ChildProcess | undefined
  const redis: TestRedis = {
    port,
    async start() {
      child = spawn(program, [settings, ...flags], { stdio: 'ignore' })
      await until(() => answers(port))
    },
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
  }
  t.after(async () => {
    await redis.kill()
    await rm(folder, { recursive: true, force: true })
  })
  await redis.start()
  return redis
}

/** Settings for TLS on a port of its own, with the certificate of all test nodes. */
export async function tlsLines(t: Finished) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  await Promise.all([writeFile(key, NODE_KEY), writeFile(certificate, NODE_CERT)])
  const tlsPort = await freePort()
  const files = [`tls-key-file ${key}`, `tls-cert-file ${certificate}`]
  const lines = [`tls-port ${tlsPort}`, 'tls-auth-clients no', ...files]
  return { tlsPort, certificate, lines }
}

/** Three nodes that share the slots; `host:port` of each, with `tls` that for TLS. */
export async function startRedisCluster(
  t: Finished,
  program: string,
  { tls = false } = {},
): Promise<string[]> {
  const lines = ['cluster-enabled yes', 'cluster-node-timeout 2000']
  const secure = tls ? await Promise.all([1, 2, 3].map(() => tlsLines(t))) : []
  const nodes = await Promise.all(
    [0, 1, 2].map(async (n) => {
      const own = secure[n]
      // Nodes tell of their ports for TLS only when they speak it among themselves.
      const among = own ? ['tls-cluster yes', `tls-ca-cert-file ${own.certificate}`] : []
      const bus = `cluster-port ${await freePort()}`
      const { port } = await startRedis(t, program, [
        ...lines,
        bus,
        ...(own?.lines ?? []),
        ...among,
      ])
      return { port, address: `${LOOPBACK}:${own?.tlsPort ?? port}` }
    }),
  )
  const addresses = nodes.map(({ address }) => address)
  const cli = program.replace(/server$/, 'cli')
  const run = promisify(execFile)
  const flags = secure[0] ? ['--tls', '--cacert', secure[0].certificate] : []
  await run(cli, [...flags, '--cluster', 'create', ...addresses, '--cluster-yes'])
  await until(async () => {
    const states = await Promise.all(
      nodes.map(({ port }) => run(cli, ['-p', String(port), 'cluster', 'info'])),
    )
    return states.every(({ stdout }) => stdout.includes('cluster_state:ok'))
  })
  return addresses
}

/** A Sentinel that watches the Redis as `holdfast`. */
export async function startSentinel(
  t: Finished,
  program: string,
  master: TestRedis,
): Promise<TestRedis> {
  const watch = `sentinel monitor holdfast ${LOOPBACK} ${master.port} 1`
  return startRedis(t, program, [watch], ['--sentinel'])
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: LOOPBACK })
    socket.on('error', () => resolve(false))
    // Any answer will do, be it a demand for a password.
    socket.on('connect', () => socket.write('PING\r\n'))
    socket.on('data', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
