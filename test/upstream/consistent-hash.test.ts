import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createBalancer } from '../../src/upstream/balancer.ts'
import { createConsistentHash } from '../../src/upstream/consistent-hash.ts'
import type { UpstreamNode } from '../../src/upstream/upstream-node.ts'
import { requestContext } from '../helpers/request-context.ts'
import { fakeNode, fakeNodes } from './fake-nodes.ts'

const KEYS = Array.from({ length: 4_000 }, (_, i) => `key-${i}`)

/** Picks by the path, which stands for any key. */
function pickerOf(nodes: readonly UpstreamNode[]) {
  const { pick } = createBalancer(
    nodes,
    (group) => createConsistentHash(group, (request) => request?.path ?? ''),
    true,
  )
  return (path: string, excluded?: readonly UpstreamNode[]) =>
    pick(requestContext({ path }), excluded)
}

function ownersOf(nodes: readonly UpstreamNode[]): string[] {
  const pick = pickerOf(nodes)
  return KEYS.map((key) => pick(key)?.host ?? '')
}

function shareOf(owners: readonly string[], host: string): number {
  return owners.filter((owner) => owner === host).length / owners.length
}

suite('consistent hash', () => {
  test('equal keys go to the same node, keys spread by weight', () => {
    const nodes = fakeNodes({ a: 1, b: 1, c: 2 })
    const owners = ownersOf(nodes)
    assert.deepEqual(owners, ownersOf(fakeNodes({ c: 2, b: 1, a: 1 })))
    assert.ok(Math.abs(shareOf(owners, 'c') - 0.5) < 0.08, `${shareOf(owners, 'c')}`)
    assert.ok(Math.abs(shareOf(owners, 'a') - 0.25) < 0.08, `${shareOf(owners, 'a')}`)
  })

  test('when a node leaves, only its own keys move', () => {
    const before = ownersOf(fakeNodes({ a: 1, b: 1, c: 1, d: 1 }))
    const gone = ownersOf(fakeNodes({ a: 1, b: 1, c: 1 }))
    const nodes = fakeNodes({ a: 1, b: 1, c: 1, d: 1 })
    const [, , , d] = nodes
    assert.ok(d)
    d.available = false
    const down = ownersOf(nodes)
    assert.deepEqual(down, gone, 'a node that is down is as good as gone')
    for (const [i, owner] of before.entries()) if (owner !== 'd') assert.equal(gone[i], owner)
    assert.equal(shareOf(gone, 'd'), 0)
  })

  test('a tried node is passed over, each of them once', () => {
    const nodes = fakeNodes({ a: 1, b: 3, c: 7 })
    const pick = pickerOf(nodes)
    const tried: UpstreamNode[] = []
    for (let node = pick('/x'); node !== undefined; node = pick('/x', tried)) tried.push(node)
    assert.deepEqual(tried.map(({ host }) => host).sort(), ['a', 'b', 'c'])
  })

  test('with all nodes down a key has the node that it always had', () => {
    const nodes = fakeNodes({ a: 1, b: 1 })
    const before = ownersOf(nodes)
    for (const node of nodes) node.available = false
    assert.deepEqual(ownersOf(nodes), before)
  })

  test('a node that starts slowly gets its keys little by little, and keeps those it got', () => {
    const nodes = fakeNodes({ a: 1, b: 1 })
    const [a] = nodes
    assert.ok(a)
    const full = ownersOf(nodes)
    let last = new Set<number>()
    for (const share of [0.25, 0.5, 0.75]) {
      a.share = share
      const owners = ownersOf(nodes)
      const own = new Set(owners.flatMap((owner, i) => (owner === 'a' ? [i] : [])))
      for (const i of last) assert.ok(own.has(i))
      for (const i of own) assert.equal(full[i], 'a')
      assert.ok(Math.abs(own.size / KEYS.length - share * shareOf(full, 'a')) < 0.05)
      last = own
    }
  })

  // Expected: what lua-resty-chash and nginx's `hash … consistent` do, computed apart in Python.
  test('points are chained from the crc32 of the address, colons as zeros', () => {
    const node = fakeNode('127.0.0.1')
    const other = fakeNode('127.0.0.2')
    const pick = pickerOf([node, other])
    assert.deepEqual(
      ['/a', '/b', '/c', '/d', '/e', '/f'].map((key) => pick(key)?.host.at(-1)),
      ['1', '2', '2', '1', '1', '2'],
    )
  })

  test('weights without a common divisor do not make rings of any size', () => {
    const startedAt = performance.now()
    const owners = ownersOf(fakeNodes({ a: 100_003, b: 99_991, c: 50_021 }))
    assert.ok(performance.now() - startedAt < 2_000)
    assert.ok(Math.abs(shareOf(owners, 'a') - 0.4) < 0.05)
  })

  test('fractions of a weight count as such', () => {
    const owners = ownersOf([fakeNode('a', 1 / 3), fakeNode('b', 1 / 3), fakeNode('c', 2 / 3)])
    assert.ok(Math.abs(shareOf(owners, 'c') - 0.5) < 0.08)
  })

  test('no node, no pick', () => {
    assert.equal(pickerOf([])('/'), undefined)
    assert.equal(pickerOf(fakeNodes({ a: 0 }))('/'), undefined)
  })
})
