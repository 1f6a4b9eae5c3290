import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { createBalancer } from '../../src/upstream/balancer.ts'
import { createRoundRobin } from '../../src/upstream/round-robin.ts'
import type { UpstreamNode } from '../../src/upstream/upstream-node.ts'
import { fakeNode, fakeNodes } from './fake-nodes.ts'

function pickerOf(nodes: readonly UpstreamNode[]) {
  const balancer = createBalancer(nodes, createRoundRobin, true)
  return (excluded?: readonly UpstreamNode[]) => balancer.pick(undefined, excluded)
}

function orderOf(nodes: readonly UpstreamNode[], count: number): string {
  const pick = pickerOf(nodes)
  return Array.from({ length: count }, () => pick()?.host).join('')
}

suite('round robin', () => {
  test('spreads a heavy node between the light ones', () => {
    assert.equal(orderOf(fakeNodes({ a: 5, b: 1, c: 1 }), 14), 'aabacaaaabacaa')
  })

  test('gives each node exactly its share per round', () => {
    const weights = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(weights, (list) => {
        const nodes = list.map((weight, i) => fakeNode(`${i}`, weight))
        const pick = pickerOf(nodes)
        const counts = new Map(nodes.map((node) => [node, 0]))
        const total = list.reduce((sum, weight) => sum + weight, 0)
        for (let i = 0; i < total; i++) {
          const node = pick()
          assert.ok(node)
          counts.set(node, (counts.get(node) ?? 0) + 1)
        }
        for (const [node, count] of counts) assert.equal(count, node.weight)
      }),
    )
  })

  test('never picks what has no weight or is excluded', () => {
    const nodes = fakeNodes({ a: 1, b: 0, c: 1 })
    const pick = pickerOf(nodes)
    const [a, , c] = nodes
    assert.ok(a && c)
    for (let i = 0; i < 4; i++) assert.equal(pick([a])?.host, 'c')
    assert.equal(pick([a, c]), undefined)
    assert.equal(pickerOf(fakeNodes({ b: 0 }))(), undefined)
    assert.equal(pickerOf([])(), undefined)
  })

  test('a node that starts slowly gets its share of its weight', () => {
    const nodes = fakeNodes({ a: 2, b: 2 })
    const [a] = nodes
    assert.ok(a)
    a.share = 0.5
    assert.equal(orderOf(nodes, 9).replaceAll('b', '').length, 3)
    a.share = 0
    assert.equal(orderOf(nodes, 3), 'bbb')
  })
})
