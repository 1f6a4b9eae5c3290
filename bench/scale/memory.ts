import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Control, startControl, startGateway } from '../support/fleet.ts'
import type { Probe } from '../support/probe.ts'
import { withPostgres } from '../support/scratch.ts'
import { configuration, SHAPES, type Shape } from './objects.ts'
import { megabytes } from './progress.ts'
import { settle } from './settle.ts'
import { write } from './write.ts'

const ROUTES = Number(process.env['ROUTES'] ?? 10_000)
const shapes = process.env['SHAPES']?.split(',') as Shape[] | undefined

/** What a worker holds with 10 000 routes of several shapes, next to one with a single route. */
export async function benchMemory(): Promise<void> {
  await withPostgres(async (folder, databaseUrl) => {
    const control = await startControl(folder, databaseUrl)
    const rows: Record<string, object> = {}
    const one = await measure(folder, databaseUrl, control, 1, 'inline')
    rows['1 route'] = rowOf(one, one)
    for (const shape of shapes ?? SHAPES) {
      const many = await measure(folder, databaseUrl, control, ROUTES, shape)
      rows[`${ROUTES} routes, ${shape}`] = rowOf(many, one)
    }
    console.log('\nA worker at rest, in MB')
    console.table(rows)
    await control.stop()
  })
}

async function measure(
  folder: string,
  databaseUrl: string,
  control: Control,
  routes: number,
  shape: Shape,
): Promise<Probe> {
  const group = `${shape}-${routes}`
  await clear(control)
  await write(control, configuration(routes, shape), 20_000, group)
  rmSync(join(folder, 'gateway'), { recursive: true, force: true })
  const gateway = await startGateway(folder, databaseUrl, 1)
  await settle()
  const [, worker] = await gateway.probe()
  await gateway.stop()
  if (worker === undefined) throw new Error('no worker')
  return worker
}

/** Takes all objects out again. */
async function clear(control: Control): Promise<void> {
  const { _meta, ...kinds } = (await control.call('GET', '/holdfast/v1/config')) as Record<
    string,
    { id: string }[]
  >
  const changes = Object.entries(kinds).flatMap(([kind, bodies]) =>
    bodies.map(({ id }) => ({ op: 'delete' as const, kind, id })),
  )
  if (changes.length > 0) await write(control, changes, changes.length, 'clear')
}

function rowOf(probe: Probe, base: Probe): object {
  return {
    rss: megabytes(probe.rssBefore),
    'rss grown': megabytes(probe.rssBefore - base.rssBefore),
    'heap, collected': megabytes(probe.heapUsed),
    'heap grown': megabytes(probe.heapUsed - base.heapUsed),
    external: megabytes(probe.external),
  }
}
