import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Control, type Gateway, startControl, startGateway } from '../support/fleet.ts'
import { withPostgres } from '../support/scratch.ts'
import { route, upstream, uriOf } from './objects.ts'
import { megabytes, progress } from './progress.ts'
import { write } from './write.ts'

const ROUTES = Number(process.env['ROUTES'] ?? 100_000)
const UPSTREAMS = ROUTES / 5
const PER_REVISION = 10_000
const CHANGES = 50
const REQUESTS = 2_000
const NOWHERE = 'postgres://127.0.0.1:1/none'
const NODE = fileURLToPath(new URL('../support/node.ts', import.meta.url))

/** 100 000 routes over 20 000 upstreams, end to end, then from a backup; and what a change costs. */
export async function benchLoad(): Promise<void> {
  const node = fork(NODE)
  const [{ port }] = (await once(node, 'message')) as [{ port: number }]
  await withPostgres(async (folder, databaseUrl) => {
    const control = await startControl(folder, databaseUrl)
    await report('control plane, empty', control)
    const startedAt = performance.now()
    const upstreams = Array.from({ length: UPSTREAMS }, (_, n) => upstream(n, port))
    const routes = Array.from({ length: ROUTES }, (_, n) => route(n, 'upstream_id'))
    await write(control, [...upstreams, ...routes], PER_REVISION, 'written through the Admin API')
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    console.log(`${ROUTES} routes, ${UPSTREAMS} upstreams written in ${seconds} s`)

    const gateway = await startGateway(folder, databaseUrl, 2)
    console.log(`gateway ready from PostgreSQL in ${gateway.readyMs.toFixed(0)} ms`)
    await requests(gateway)
    await report('control plane', control)
    await report('gateway', gateway)
    await change(control, gateway)
    await gateway.stop()

    const again = await startGateway(folder, NOWHERE, 2)
    console.log(`gateway ready from its backup in ${again.readyMs.toFixed(0)} ms`)
    await requests(again)
    await report('gateway from a backup', again)
    await again.stop()
    await control.stop()
  })
  node.kill()
}

/** Asks for routes all over the configuration; throws if one is not answered. */
async function requests(gateway: Gateway): Promise<void> {
  for (let i = 0; i < REQUESTS; i++) {
    const n = Math.floor((i * ROUTES) / REQUESTS)
    const answer = await fetch(`${gateway.url}${uriOf(n)}item`)
    if (!answer.ok) throw new Error(`route ${n}: ${answer.status}`)
    await answer.arrayBuffer()
  }
  console.log(`${REQUESTS} routes asked for, all answered`)
}

/** Changes one route after another; tells what each worker did for it, and how late it made others. */
async function change(control: Control, gateway: Gateway): Promise<void> {
  const durations: number[] = []
  const stopListening = gateway.onLog((line) => {
    if (line.msg === 'revision applied') durations.push(line['durationMs'] as number)
  })
  const tookMs: number[] = []
  for (let i = 0; i < CHANGES; i++) {
    const { id, body } = route((i * 7919) % ROUTES, 'upstream_id')
    const changed = { ...body, upstream_id: `u${i}`, desc: `change ${i}` }
    const startedAt = performance.now()
    await control.call('PUT', `/apisix/admin/routes/${id}?wait=all`, changed)
    tookMs.push(performance.now() - startedAt)
    progress('changes of one route', i + 1, CHANGES)
  }
  stopListening()
  console.log(`a change of one route, in each worker: ${spread(durations)} (${durations.length})`)
  console.log(`from the Admin API until all workers serve it: ${spread(tookMs)}`)
  await report('gateway after the changes', gateway)
}

function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(2)
  return `median ${at(0.5)} ms, 95 % ${at(0.95)} ms, worst ${at(1)} ms`
}

async function report(what: string, fleet: Pick<Gateway, 'probe'>): Promise<void> {
  const probes = await fleet.probe()
  const parts = probes.map(({ rssBefore, rss, heapUsed, maxLoopDelayMs }, i) => {
    const name = i === 0 ? what : `worker ${i}`
    const late = maxLoopDelayMs.toFixed(0)
    return `${name}: RSS ${megabytes(rssBefore)} MB (${megabytes(rss)} collected), heap ${megabytes(heapUsed)} MB, event loop late by ${late} ms at most`
  })
  console.log(parts.join('\n'))
}
