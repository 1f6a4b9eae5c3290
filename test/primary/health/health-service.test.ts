import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { ConfigState } from '../../../src/model/config-state.ts'
import { ContentDigest } from '../../../src/model/digest.ts'
import type { NodeHealth } from '../../../src/model/health.ts'
import type { ResourceBody, ResourceKind } from '../../../src/model/resource-kind.ts'
import type { Change } from '../../../src/model/revision.ts'
import { HealthKeeper } from '../../../src/primary/health/health-keeper.ts'
import { HealthService } from '../../../src/primary/health/health-service.ts'
import { ServingConfig } from '../../../src/primary/serving-config.ts'
import { createLogger } from '../../../src/support/logger.ts'
import type { ResolvedNode } from '../../../src/upstream/names/name-lookup.ts'
import type { NameService } from '../../../src/upstream/names/name-service.ts'

const EPOCH = '2f1ce1f0-0000-4000-8000-000000000001'
const log = createLogger({ level: 'silent', role: 'gateway' })

/** Probes hours apart: nothing but what the tests report changes a node. */
const CHECKS = {
  active: { healthy: { interval: 9_999 }, unhealthy: { interval: 9_999 } },
  passive: { unhealthy: { http_failures: 2 } },
}
const NODES = { '127.0.0.1:81': 1, '127.0.0.1:82': 1 }

function upstream(id: string, more: object = {}): ResourceBody {
  return { id, type: 'roundrobin', nodes: NODES, checks: CHECKS, ...more }
}

function route(id: string, more: object): ResourceBody {
  return { id, uri: `/${id}`, ...more }
}

/** Names that have the addresses a test gives them. */
function createNames() {
  const answers = new Map<string, ResolvedNode[]>()
  const watchers = new Map<string, Set<() => void>>()
  const names: NameService = {
    failures: 0,
    failing: 0,
    stop() {},
    watch({ name }, onChange) {
      const all = watchers.get(name) ?? new Set()
      watchers.set(name, all.add(onChange))
      return {
        get nodes() {
          return answers.get(name)
        },
        pending: false,
        stop: () => void all.delete(onChange),
      }
    },
  }
  function answer(name: string, ...hosts: string[]): void {
    answers.set(
      name,
      hosts.map((host) => ({ host })),
    )
    for (const onChange of watchers.get(name) ?? []) onChange()
  }
  return { names, answer }
}

type Objects = readonly (readonly [ResourceKind, ResourceBody])[]

async function start(t: TestContext, objects: Objects, folder?: string) {
  const dir = folder ?? (await mkdtemp(join(tmpdir(), 'holdfast-health-')))
  const keeper = new HealthKeeper(dir, 'default', log)
  await keeper.load(60_000)
  const sent: NodeHealth[][] = []
  const { names, answer } = createNames()
  const health = new HealthService({
    concurrency: 1,
    trustedCa: undefined,
    names,
    keeper,
    log,
    send: (nodes) => sent.push([...nodes]),
  })
  t.after(async () => {
    await health.stop()
    if (folder === undefined) await rm(dir, { recursive: true, force: true })
  })
  const state = new ConfigState('default', { epoch: EPOCH, revision: 1 })
  for (const [kind, body] of objects) state.load(kind, body)
  const config = await ServingConfig.build(state)
  health.onSnapshot(config)
  await health.settled

  /** Applies one change, as the configuration's next revision. */
  async function change(one: Change): Promise<void> {
    const digest = new ContentDigest(state.mark.digest)
    const old = state.get(one.kind, one.id)
    if (old !== undefined) digest.remove(one.kind, one.id, old)
    if (one.op === 'put') digest.add(one.kind, one.id, one.body)
    const to = { epoch: EPOCH, revision: state.mark.revision + 1, digest: digest.toString() }
    health.onDelta(config.apply({ to, changes: [one] }))
    await health.settled
  }
  const put = (kind: ResourceKind, body: ResourceBody) =>
    change({ op: 'put', kind, id: String(body.id), body })
  const remove = (kind: ResourceKind, id: string) => change({ op: 'delete', kind, id })
  const owners = () => health.upstreams.map(({ owner }) => owner).sort()
  const fail = (owner: string, node: string, name?: string) =>
    health.onReports([{ owner, node, ...(name && { name }), passive: [[2, 0, 0, 0]] }])
  return { health, dir, sent, answer, put, remove, owners, fail }
}

function down({ health }: { health: HealthService }): string[] {
  return health.whole.map(({ owner, node }) => `${owner} ${node}`)
}

suite('health of nodes', () => {
  test('is watched where checks are asked for and a route or service uses them', async (t) => {
    const inline = { type: 'roundrobin', nodes: NODES, checks: CHECKS }
    const { owners, put, remove } = await start(t, [
      ['upstreams', upstream('used')],
      ['upstreams', upstream('unused')],
      ['upstreams', { id: 'unchecked', type: 'roundrobin', nodes: NODES }],
      ['services', { id: 's', upstream: inline }],
      ['routes', route('a', { upstream_id: 'used' })],
      ['routes', route('b', { upstream_id: 'unchecked' })],
      ['routes', route('c', { upstream: inline })],
      ['routes', route('off', { upstream: inline, status: 0 })],
    ])
    assert.deepEqual(owners(), ['routes/c', 'services/s', 'upstreams/used'])
    await put('routes', route('b', { upstream_id: 'unused' }))
    assert.deepEqual(owners(), ['routes/c', 'services/s', 'upstreams/unused', 'upstreams/used'])
    await put('routes', route('a', { upstream_id: 'unchecked' }))
    await remove('routes', 'c')
    assert.deepEqual(owners(), ['services/s', 'upstreams/unused'])
    await put('upstreams', { id: 'unused', type: 'roundrobin', nodes: NODES })
    assert.deepEqual(owners(), ['services/s'])
  })

  test('outlives changes that do not touch the node, and not those that do', async (t) => {
    const started = await start(t, [
      ['upstreams', upstream('u')],
      ['routes', route('a', { upstream_id: 'u' })],
    ])
    started.fail('upstreams/u', '127.0.0.1:81')
    assert.deepEqual(down(started), ['upstreams/u 127.0.0.1:81'])
    const third = { ...NODES, '127.0.0.1:83': 1 }
    await started.put('upstreams', upstream('u', { desc: 'x', nodes: third }))
    await started.put('routes', route('b', { upstream_id: 'u' }))
    await started.remove('routes', 'a')
    assert.deepEqual(down(started), ['upstreams/u 127.0.0.1:81'])
    await started.put('upstreams', upstream('u', { nodes: { '127.0.0.1:82': 1 } }))
    assert.deepEqual(down(started), [])
  })

  test('is told to the workers once for several changes', async (t) => {
    const started = await start(t, [['routes', route('a', { upstream: upstream('x') })]])
    started.fail('routes/a', '127.0.0.1:81')
    started.fail('routes/a', '127.0.0.1:82')
    await new Promise((resolve) => setTimeout(resolve, 30))
    const [first, ...others] = started.sent
    assert.deepEqual(
      first?.map(({ node, state }) => `${node} ${state}`),
      ['127.0.0.1:81 unhealthy', '127.0.0.1:82 unhealthy'],
    )
    assert.deepEqual(others, [])
  })

  test('follows names, and takes a word about an address that only a worker knows', async (t) => {
    const nodes = { 'node.test:80': 1 }
    const started = await start(t, [['routes', route('a', { upstream: upstream('x', { nodes }) })]])
    const addresses = () => started.health.upstreams[0]?.nodes.map(({ key }) => key)
    assert.deepEqual(addresses(), [])
    started.answer('node.test', '10.0.0.1', '10.0.0.2')
    assert.deepEqual(addresses(), ['10.0.0.1:80', '10.0.0.2:80'])
    started.fail('routes/a', '10.0.0.2:80')
    started.fail('routes/a', '10.0.0.3:80', 'node.test')
    started.fail('routes/a', '10.0.0.4:80', 'stranger.test')
    assert.deepEqual(down(started), ['routes/a 10.0.0.2:80', 'routes/a 10.0.0.3:80'])
    started.answer('node.test', '10.0.0.2')
    assert.deepEqual(down(started), ['routes/a 10.0.0.2:80'])
  })

  test('never ejects all nodes', async (t) => {
    const holdfast = { outlier_ejection: { consecutive_failures: 2, max_ejection_percent: 100 } }
    const body = { type: 'roundrobin', nodes: NODES, holdfast }
    const { health } = await start(t, [['routes', route('a', { upstream: body })]])
    for (const node of ['127.0.0.1:81', '127.0.0.1:82']) {
      health.onReports([{ owner: 'routes/a', node, outlier: [[2, 0, 0, 0]] }])
    }
    assert.deepEqual(
      health.whole.map(({ node, ejected }) => [node, ejected]),
      [['127.0.0.1:81', true]],
    )
    assert.deepEqual(health.counts, { nodes: 2, unhealthy: 1 })
  })

  test('is known again after a restart, unless it is too old or makes no sense', async (t) => {
    const objects: Objects = [['routes', route('a', { upstream: upstream('x') })]]
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-health-'))
    t.after(() => rm(dir, { recursive: true, force: true }))
    const first = await start(t, objects, dir)
    first.fail('routes/a', '127.0.0.1:81')
    await first.health.stop()
    const second = await start(t, objects, dir)
    assert.deepEqual(down(second), ['routes/a 127.0.0.1:81'])
    second.health.onReports([{ owner: 'routes/a', node: '127.0.0.1:81', passive: [[0, 0, 0, 5]] }])
    assert.deepEqual(down(second), [], 'the restored node recovers')
    second.fail('routes/a', '127.0.0.1:82')
    await second.health.stop()

    const old = new HealthKeeper(dir, 'default', log)
    await new Promise((resolve) => setTimeout(resolve, 5))
    await old.load(1)
    assert.equal(old.saved.size, 0)
    const other = new HealthKeeper(dir, 'other-group', log)
    await other.load(60_000)
    assert.equal(other.saved.size, 0)
    for (const text of ['', '{', '{"group":"default","savedAt":1e99}', '[]', 'null']) {
      await writeFile(join(dir, 'health.json'), text)
      const keeper = new HealthKeeper(dir, 'default', log)
      await keeper.load(60_000)
      assert.equal(keeper.saved.size, 0)
      await keeper.stop()
    }
  })
})
