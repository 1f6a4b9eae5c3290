import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { query, startPostgresPair } from './postgres-cluster.ts'
import { type ControlPlane, type Gateway, startControl, startGateway, until } from './stack.ts'
import { startNode } from './upstream-node.ts'

/** Two servers, a control plane and a gateway on both, and a route `/base`. */
export async function startFleet(t: TestContext) {
  const pair = await startPostgresPair(t)
  const control = await startControl(t, pair.url)
  const gateway = await startGateway(t, { databaseUrl: pair.url, workers: 2 })
  const node = await startNode(t)
  const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
  const put = (id: string, uri = `/${id}`) =>
    control.admin('PUT', `/routes/${id}`, { uri, upstream })
  assert.equal((await put('base')).status, 201)
  await until(async () => (await fetch(`${gateway.url}/base`)).ok)
  return { pair, control, gateway, put }
}

/** Resolves with the time when a write has got through. */
export async function writtenAt(put: () => Promise<{ status: number }>): Promise<number> {
  await until(async () => (await put()).status < 300)
  return performance.now()
}

/** Every worker serves the primary's revision, and that one is the database's. */
export async function agreesWith(gateway: Gateway, url: string): Promise<boolean> {
  const [head] = await query(url, 'SELECT epoch, revision, digest FROM config_head')
  const { epoch, revision, digest, workers } = await gateway.sync()
  return (
    epoch === head?.['epoch'] &&
    revision === Number(head?.['revision']) &&
    digest === head?.['digest'] &&
    workers.length === 2 &&
    workers.every((worker: { digest: string; inSync: boolean }) => {
      return worker.inSync && worker.digest === digest
    })
  )
}

/** How often a process warned of the same. */
export function warnings(of: ControlPlane | Gateway, msg: string): number {
  return of.lines.filter((line) => line.msg === msg && line.level === 'warn').length
}
