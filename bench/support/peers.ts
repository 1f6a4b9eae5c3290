import { type ChildProcess, fork, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts'
import { withDescendants } from './cpu.ts'

/** Something that requests can be sent to, and the processes whose CPU time is its cost. */
export interface Peer {
  name: string
  url: string
  pids(): number[]
  stop(): Promise<void>
}

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const NODE = fileURLToPath(new URL('./node.ts', import.meta.url))

/** The node that all peers forward to; driven directly it shows the floor. */
export async function startDirect(): Promise<Peer & { port: number }> {
  const child = fork(NODE)
  const [{ port }] = await once(child, 'message')
  return peer('direct', port, child, port)
}

/** nginx, one worker, keep-alive to the node, no access log. */
export async function startNginx(nodePort: number): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-nginx-'))
  const port = await freePort()
  const config = join(folder, 'nginx.conf')
  writeFileSync(
    config,
    `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 100000000;
  client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;
  uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  upstream node { server 127.0.0.1:${nodePort}; keepalive 320; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://node; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }
}
`,
  )
  const child = spawn('nginx', ['-c', config, '-p', folder], { stdio: 'inherit' })
  await answering(`http://127.0.0.1:${port}/`)
  const nginx = peer('nginx', port, child, undefined)
  return {
    ...nginx,
    async stop() {
      await nginx.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A real PostgreSQL, control plane and gateway with one worker; its cost is primary + worker. */
export async function startHoldfast(
  nodePort: number,
  plugins: readonly string[] = [],
): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  const log = pino({ level: 'silent' })
  const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), log })
  const [http, admin, status, metrics] = await Promise.all([1, 2, 3, 4].map(freePort))
  const adminKey = randomBytes(16).toString('hex')
  const settings = {
    ...process.env,
    HOLDFAST_DATABASE_URL: postgres.url,
    HOLDFAST_DATA_DIR: join(folder, 'gateway'),
    HOLDFAST_LOG_LEVEL: 'error',
  }
  const control = spawn(process.execPath, [MAIN, 'control'], {
    env: {
      ...settings,
      HOLDFAST_ADMIN_KEY: adminKey,
      HOLDFAST_ADMIN_LISTEN: `127.0.0.1:${admin}`,
    },
    stdio: 'inherit',
  })
  await answering(`http://127.0.0.1:${admin}/status/ready`)
  const adminUrl = `http://127.0.0.1:${admin}`
  await createRoute(adminUrl, adminKey, nodePort, 'bench', { uri: '/*' })
  if (plugins.length > 0) {
    const configured = plugins.map((name) => [name, PLUGIN_CONFIGS[name] ?? {}])
    const route = { uri: '/plugins', plugins: Object.fromEntries(configured) }
    await put(adminUrl, adminKey, 'consumers', CONSUMER)
    await createRoute(adminUrl, adminKey, nodePort, 'plugins', route)
  }
  const gateway = spawn(process.execPath, [MAIN, 'gateway'], {
    env: {
      ...settings,
      HOLDFAST_WORKERS: '1',
      HOLDFAST_HTTP_LISTEN: `127.0.0.1:${http}`,
      HOLDFAST_STATUS_LISTEN: `127.0.0.1:${status}`,
      HOLDFAST_METRICS_LISTEN: `127.0.0.1:${metrics}`,
      HOLDFAST_CONTROL_API_LISTEN: 'off',
      HOLDFAST_HTTP_MAX_REQUESTS_PER_CONNECTION: '100000000',
    },
    stdio: 'inherit',
  })
  const url = `http://127.0.0.1:${http}/`
  await answering(url)
  return {
    name: 'holdfast',
    url,
    pids: () => withDescendants(gateway.pid ?? 0),
    async stop() {
      await ended(gateway)
      await ended(control)
      await postgres.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Caller of the route with plugins, for those that ask who calls. */
export const CONSUMER_KEY = 'bench-key'
const CONSUMER = { username: 'bench', plugins: { 'key-auth': { key: CONSUMER_KEY } } }

/** What plugins can't do without; a limit that is never reached. */
const PLUGIN_CONFIGS: Readonly<Record<string, object>> = {
  'limit-count': { count: 1e9, time_window: 3600 },
}

async function createRoute(
  adminUrl: string,
  key: string,
  nodePort: number,
  id: string,
  route: object,
): Promise<void> {
  const upstream = { type: 'roundrobin', nodes: { [`127.0.0.1:${nodePort}`]: 1 } }
  await put(adminUrl, key, `routes/${id}`, { ...route, upstream })
}

async function put(adminUrl: string, key: string, path: string, body: object): Promise<void> {
  const response = await fetch(`${adminUrl}/apisix/admin/${path}`, {
    method: 'PUT',
    headers: { 'x-api-key': key },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${path} refused: ${await response.text()}`)
}

function peer<P extends number | undefined>(
  name: string,
  port: number,
  child: ChildProcess,
  nodePort: P,
): Peer & { port: P } {
  return {
    name,
    url: `http://127.0.0.1:${port}/`,
    port: nodePort,
    pids: () => withDescendants(child.pid ?? 0),
    stop: () => ended(child),
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Waits until the URL answers with 2xx; gives up after 20 seconds. */
async function answering(url: string): Promise<void> {
  const end = Date.now() + 20_000
  for (;;) {
    const response = await fetch(url).catch(() => undefined)
    if (response?.ok) return
    if (Date.now() > end) throw new Error(`${url} does not answer`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
