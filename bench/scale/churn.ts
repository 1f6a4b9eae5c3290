import { join } from 'node:path'
import { startControl, startGateway } from '../support/fleet.ts'
import type { Probe } from '../support/probe.ts'
import { withPostgres } from '../support/scratch.ts'
import { type Change, nodesOf, put, route, SHAPES, upstream } from './objects.ts'
import { megabytes, progress } from './progress.ts'
import { settle } from './settle.ts'
import { write } from './write.ts'

const CHANGES = Number(process.env['CHANGES'] ?? 100_000)
const ROUTES = Number(process.env['ROUTES'] ?? 5_000)
const UPSTREAMS = ROUTES / 5
const CONSUMERS = ROUTES / 5
const PER_REVISION = 100
/** One in so many changes comes as a revision of its own. */
const SINGLE_SHARE = 100
/** Upstreams with health checks; more would measure the checks. */
const CHECKED = 10

/** What 100 000 changes leave behind: all processes next to fresh ones at the same configuration. */
export async function benchChurn(): Promise<void> {
  await withPostgres(async (folder, databaseUrl) => {
    const control = await startControl(folder, databaseUrl)
    await write(control, beginning(), 10_000, 'beginning')
    const gateway = await startGateway(folder, databaseUrl, 2)
    await settle()
    const before = await gateway.probe()
    let revision = 0
    for (let n = 0; n < CHANGES; ) {
      const size = n % (SINGLE_SHARE * PER_REVISION) === 0 ? CHANGES / SINGLE_SHARE / 10 : 0
      for (let i = 0; i < size; i++, n++) revision = await apply([change(n)])
      const bulk = Array.from({ length: PER_REVISION }, (_, i) => change(n + i))
      revision = await apply(latest(bulk))
      n += PER_REVISION
      progress('changes', Math.min(n, CHANGES), CHANGES)
    }
    await gateway.serves(revision)
    await settle()
    const [controlAfter, ...after] = [...(await control.probe()), ...(await gateway.probe())]
    await gateway.stop()
    await control.stop()

    const freshControl = await startControl(folder, databaseUrl)
    const fresh = await startGateway(join(folder, 'fresh'), databaseUrl, 2)
    await settle()
    const [controlFresh, ...freshOnes] = [...(await freshControl.probe()), ...(await fresh.probe())]
    await fresh.stop()
    await freshControl.stop()

    const names = ['primary', 'worker 1', 'worker 2']
    console.log(
      `\n${ROUTES} routes, ${CHANGES} changes, ${revision} revisions; at rest, MB; heap collected`,
    )
    console.table({
      'control plane': rowOf(undefined, controlAfter, controlFresh),
      ...Object.fromEntries(
        names.map((name, i) => [name, rowOf(before[i], after[i], freshOnes[i])]),
      ),
    })

    async function apply(changes: readonly Change[]): Promise<number> {
      const answer = await control.call('POST', '/holdfast/v1/bulk', { changes })
      return (answer as { revision: number }).revision
    }
  })
}

function beginning(): Change[] {
  return [
    put('services', 's0', { upstream: { nodes: nodesOf(0) } }),
    ...Array.from({ length: UPSTREAMS }, (_, n) => upstream(n)),
    ...Array.from({ length: CONSUMERS }, (_, n) => consumer(n, 0)),
    ...Array.from({ length: ROUTES }, (_, n) => route(n, SHAPES[n % SHAPES.length] ?? 'inline')),
  ]
}

function consumer(n: number, key: number): Change {
  const plugins = { 'key-auth': { key: `key-${n}-${key}` } }
  return put('consumers', `c${n}`, { username: `c${n}`, plugins })
}

/** Change `n` of a series that touches everything: nodes, names, plugins, keys, objects that come and go. */
function change(n: number): Change {
  const at = (n * 7919) % ROUTES
  const fresh = 100_000 + n
  switch (n % 10) {
    case 0:
      return put('upstreams', `u${at % UPSTREAMS}`, { nodes: nodesOf(fresh) })
    case 1:
      return put('upstreams', `u${at % UPSTREAMS}`, {
        nodes: { [`localhost:${1 + (n % 60_000)}`]: 1 },
      })
    case 2:
      return consumer(at % CONSUMERS, n)
    case 3:
      return put('routes', `come-and-go-${at}`, {
        uri: `/t/${n}/*`,
        upstream_id: `u${at % UPSTREAMS}`,
      })
    case 4:
      return { op: 'delete', kind: 'routes', id: `come-and-go-${((n - 1) * 7919) % ROUTES}` }
    case 5:
      return put('upstreams', `checked-${at % CHECKED}`, {
        nodes: { [`127.0.0.1:${1 + (n % 60_000)}`]: 1 },
        checks: { active: { type: 'tcp', healthy: { interval: 60 }, unhealthy: { interval: 60 } } },
      })
    default: {
      const { id, body } = route(at, SHAPES[n % SHAPES.length] ?? 'inline')
      return put('routes', id, { ...body, uri: `/api/changed-${n}/*`, desc: `change ${n}` })
    }
  }
}

/** An object may stand in a revision once: the last of several. */
function latest(changes: readonly Change[]): Change[] {
  return [...new Map(changes.map((one) => [`${one.kind}/${one.id}`, one])).values()]
}

function rowOf(before: Probe | undefined, after: Probe | undefined, fresh: Probe | undefined) {
  if (after === undefined || fresh === undefined) throw new Error('a process is missing')
  return {
    'rss at first': before === undefined ? '–' : megabytes(before.rssBefore),
    'rss after': megabytes(after.rssBefore),
    'rss fresh': megabytes(fresh.rssBefore),
    rss: `× ${(after.rssBefore / fresh.rssBefore).toFixed(2)}`,
    'heap after': megabytes(after.heapUsed),
    'heap fresh': megabytes(fresh.heapUsed),
    heap: `× ${(after.heapUsed / fresh.heapUsed).toFixed(2)}`,
    'external after': megabytes(after.external),
    'external fresh': megabytes(fresh.external),
  }
}
