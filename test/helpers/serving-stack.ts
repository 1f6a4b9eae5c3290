import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { createTestDatabase } from './postgres.ts'
import { type ControlPlane, type Gateway, startControl, startGateway, until } from './stack.ts'
import { startNode } from './upstream-node.ts'

const BIG = Buffer.alloc(1_000_000, 'x')

export interface ServingStack {
  databaseUrl: string
  control: ControlPlane
  gateway: Gateway
  /** Writes a route to the node; returns the status. */
  putRoute(id: string, fields: object): Promise<number>
  /** Answer the requests for `/slow`, which the node keeps waiting. */
  waiting: (() => void)[]
}

/** A worker as `/status/sync` shows it. */
export interface WorkerStatus {
  pid: number
  serving: boolean
  silent: boolean
}

/** A stack with a route `/*` to a node, on two workers; it serves. */
export async function startServing(
  t: TestContext,
  env: Record<string, string> = {},
  workers = 2,
): Promise<ServingStack> {
  const { url: databaseUrl } = await createTestDatabase(t)
  const control = await startControl(t, databaseUrl)
  const gateway = await startGateway(t, { databaseUrl, workers, env })
  const waiting: (() => void)[] = []
  const node = await startNode(t, 'node', (request, response) => answer(request, response, waiting))
  const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
  const putRoute = async (id: string, fields: object) => {
    const { status } = await control.admin('PUT', `/routes/${id}`, { upstream, ...fields })
    return status
  }
  await putRoute('1', { uri: '/*' })
  await until(async () => (await fetch(gateway.url)).ok)
  return { databaseUrl, control, gateway, putRoute, waiting }
}

export async function workersOf(gateway: Gateway): Promise<WorkerStatus[]> {
  return (await gateway.sync()).workers
}

/** Whether two workers serve, and none of them is the process `without`. */
export async function allServe(gateway: Gateway, without = 0): Promise<boolean> {
  const workers = await workersOf(gateway)
  return workers.length === 2 && workers.every(({ pid, serving }) => serving && pid !== without)
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function answer(request: IncomingMessage, response: ServerResponse, waiting: (() => void)[]): void {
  if (request.url === '/slow') waiting.push(() => response.end('late'))
  else response.end(request.url === '/big' ? BIG : 'ok')
}
