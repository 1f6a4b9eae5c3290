import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ContentDigest } from '../../src/model/digest.ts'
import type { ResourceBody, ResourceKind } from '../../src/model/resource-kind.ts'
import type { Change } from '../../src/model/revision.ts'
import { createClientPool } from '../../src/upstream/client-pool.ts'
import { DEFAULT_TIMEOUTS } from '../../src/upstream/upstream.ts'
import { RouteTable } from '../../src/worker/route-table.ts'
import { UpstreamFactory } from '../../src/worker/upstream-factory.ts'
import { NO_SERVICES } from './plugins/plugin-fixtures.ts'

const upstream = (port: number) => ({ type: 'roundrobin', nodes: { [`127.0.0.1:${port}`]: 1 } })

/** A table, with the digest book-keeping that the primary does in real life. */
function createTable(...objects: [ResourceKind, ResourceBody][]) {
  const clients = createClientPool()
  const factory = new UpstreamFactory(clients, DEFAULT_TIMEOUTS)
  const table = new RouteTable('default', { epoch: 'e', revision: 1 }, factory, NO_SERVICES)
  for (const [kind, body] of objects) table.load(kind, body)
  const bodies = new Map(objects.map(([kind, body]) => [`${kind}/${body.id}`, body]))

  function apply(...changes: Change[]): void {
    const digest = new ContentDigest(table.mark.digest)
    for (const change of changes) {
      const key = `${change.kind}/${change.id}`
      const old = bodies.get(key)
      if (old !== undefined) digest.remove(change.kind, change.id, old)
      bodies.delete(key)
      if (change.op === 'delete') continue
      digest.add(change.kind, change.id, change.body)
      bodies.set(key, change.body)
    }
    const { epoch, revision } = table.mark
    table.apply({ to: { epoch, revision: revision + 1, digest: digest.toString() }, changes })
  }
  const find = (path: string, host = 'any') => table.router.match({ method: 'GET', host, path })
  /** Another table of the next revision, as large changes and snapshots have it. */
  function rebuild(from: RouteTable, ...changes: Change[]): RouteTable {
    const next = new RouteTable('default', { epoch: 'e', revision: 9 }, factory, NO_SERVICES)
    for (const [kind, body, secrets] of from.objectsAfter(changes)) {
      next.load(kind, body, secrets, from)
    }
    return next
  }
  return { table, clients, apply, find, rebuild }
}

const put = (kind: ResourceKind, body: ResourceBody): Change => ({
  op: 'put',
  kind,
  id: String(body.id),
  body,
})
const remove = (kind: ResourceKind, id: string): Change => ({ op: 'delete', kind, id })

suite('RouteTable', () => {
  test('finds the upstream of a route, through its service or upstream id too', () => {
    const { find } = createTable(
      ['upstreams', { id: 'u', ...upstream(1) }],
      ['services', { id: 's', upstream_id: 'u' }],
      ['routes', { id: '1', uri: '/inline', upstream: upstream(2) }],
      ['routes', { id: '2', uri: '/referenced', upstream_id: 'u' }],
      ['routes', { id: '3', uri: '/service', service_id: 's' }],
    )
    for (const path of ['/inline', '/referenced', '/service']) {
      assert.ok(find(path)?.upstream.current, path)
    }
    assert.equal(find('/service')?.facts.serviceId, 's')
    assert.equal(find('/service')?.upstream.current, find('/referenced')?.upstream.current)
  })

  test('an upstream is replaced for all its routes without touching their plans', () => {
    const { apply, find } = createTable(
      ['upstreams', { id: 'u', ...upstream(1) }],
      ['services', { id: 's', upstream_id: 'u' }],
      ['routes', { id: '1', uri: '/a', upstream_id: 'u' }],
      ['routes', { id: '2', uri: '/b', service_id: 's' }],
    )
    const [planA, before] = [find('/a'), find('/a')?.upstream.current]
    apply(put('upstreams', { id: 'u', ...upstream(9) }))
    assert.equal(find('/a'), planA)
    assert.notEqual(find('/a')?.upstream.current, before)
    assert.equal(find('/b')?.upstream.current, find('/a')?.upstream.current)
  })

  test('a route takes the hosts of its service, also when they change', () => {
    const { apply, find } = createTable(
      ['services', { id: 's', hosts: ['old.example'], upstream: upstream(1) }],
      ['routes', { id: '1', uri: '/a', service_id: 's' }],
    )
    assert.ok(find('/a', 'old.example'))
    apply(put('services', { id: 's', hosts: ['new.example'], upstream: upstream(1) }))
    assert.equal(find('/a', 'old.example'), undefined)
    assert.ok(find('/a', 'new.example'))
  })

  test('a disabled route is not there, and comes back', () => {
    const { apply, find } = createTable(['routes', { id: '1', uri: '/a', upstream: upstream(1) }])
    apply(put('routes', { id: '1', uri: '/a', upstream: upstream(1), status: 0 }))
    assert.equal(find('/a'), undefined)
    apply(put('routes', { id: '1', uri: '/a', upstream: upstream(1), status: 1 }))
    assert.ok(find('/a'))
  })

  test('quarantines a route whose service is missing until the service comes', () => {
    const { table, apply, find } = createTable(['routes', { id: '1', uri: '/a', service_id: 's' }])
    assert.equal(find('/a'), undefined)
    assert.match(table.quarantined[0]?.reason ?? '', /service_id refers to \[s\]/)
    apply(put('services', { id: 's', upstream: upstream(1) }))
    assert.ok(find('/a')?.upstream.current)
    assert.deepEqual(table.quarantined, [])
  })

  test('a deleted and recreated upstream serves all that refers to it again', () => {
    const { table, apply, find } = createTable(
      ['upstreams', { id: 'u', ...upstream(1) }],
      ['services', { id: 's', upstream_id: 'u' }],
      ['routes', { id: '1', uri: '/a', upstream_id: 'u' }],
      ['routes', { id: '2', uri: '/b', service_id: 's' }],
    )
    apply(remove('upstreams', 'u'))
    assert.equal(find('/a')?.upstream.current, undefined)
    assert.equal(find('/b')?.upstream.current, undefined)
    assert.equal(table.quarantined.length, 2)
    apply(put('upstreams', { id: 'u', ...upstream(1) }))
    assert.ok(find('/a')?.upstream.current)
    assert.ok(find('/b')?.upstream.current)
    assert.deepEqual(table.quarantined, [])
  })

  test('a route that the router refuses leaves the last good one serving', () => {
    const { table, apply, find } = createTable([
      'routes',
      { id: '1', uri: '/a', upstream: upstream(1) },
    ])
    apply(put('routes', { id: '1', uri: '/a', host: '*b*', upstream: upstream(2) }))
    assert.equal(table.quarantined[0]?.id, '1')
    assert.ok(find('/a')?.upstream.current)
  })

  test('built anew, it goes on with the last good version of what is refused', () => {
    const good = { id: '1', uri: '/a', upstream: upstream(1) }
    const refused = { id: '1', uri: '/b', host: '*b*', upstream: upstream(2) }
    const { table, apply, rebuild } = createTable(
      ['routes', good],
      ['routes', { ...good, id: '2' }],
    )
    const found = (of: RouteTable) => {
      const match = of.router.match({ method: 'GET', host: 'any', path: '/a' })
      return [match?.facts.id, of.quarantined.map(({ id }) => id).join()]
    }
    apply(remove('routes', '2'))
    const atOnce = rebuild(table, put('routes', refused))
    assert.deepEqual(found(atOnce), ['1', '1'], 'refused by the change that builds it')
    apply(put('routes', refused))
    const later = rebuild(table)
    assert.deepEqual(found(later), ['1', '1'], 'refused before')
    const again = rebuild(rebuild(later))
    assert.deepEqual(found(again), ['1', '1'], 'over several tables')
    assert.equal(again.mark.digest, table.mark.digest, 'its digest is of what is wanted')
    const mended = rebuild(again, put('routes', { ...good, uri: '/a', name: 'mended' }))
    assert.deepEqual(found(mended), ['1', ''])
    const gone = rebuild(again, remove('routes', '1'))
    assert.deepEqual(found(gone), [undefined, ''])
  })

  test('applies a revision of several objects in whatever order they come', () => {
    const { table, apply, find } = createTable()
    apply(
      put('routes', { id: '1', uri: '/a', service_id: 's' }),
      put('services', { id: 's', upstream_id: 'u' }),
      put('upstreams', { id: 'u', ...upstream(1) }),
    )
    assert.deepEqual(table.quarantined, [])
    assert.ok(find('/a')?.upstream.current)
    apply(remove('upstreams', 'u'), remove('services', 's'), remove('routes', '1'))
    assert.deepEqual(table.quarantined, [])
    assert.equal(find('/a'), undefined)
  })

  test('lets go of all nodes when everything is deleted or the table stops', () => {
    const { table, clients, apply } = createTable(
      ['upstreams', { id: 'u', ...upstream(1) }],
      ['services', { id: 's', upstream: upstream(2) }],
      ['routes', { id: '1', uri: '/a', upstream: upstream(3) }],
      ['routes', { id: '2', uri: '/b', upstream_id: 'u' }],
    )
    assert.equal(clients.size, 3)
    apply(put('routes', { id: '1', uri: '/a', upstream: upstream(4) }), remove('services', 's'))
    assert.equal(clients.size, 2)
    table.stop()
    assert.equal(clients.size, 0)
  })

  test('refuses a delta that does not follow and changes nothing', () => {
    const { table, find } = createTable(['routes', { id: '1', uri: '/a', upstream: upstream(1) }])
    const to = { ...table.mark, revision: 5 }
    assert.throws(() => table.apply({ to, changes: [remove('routes', '1')] }), {
      code: 'GW_SNAPSHOT_INVALID',
    })
    assert.ok(find('/a'))
  })
})
