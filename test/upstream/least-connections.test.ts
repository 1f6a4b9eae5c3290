import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createLeastConnections } from '../../src/upstream/least-connections.ts'
import { fakeNodes } from './fake-nodes.ts'

suite('least connections', () => {
  function setup(weights: Record<string, number>) {
    const nodes = fakeNodes(weights)
    const picker = createLeastConnections(nodes)
    return { nodes, pick: (excluded?: typeof nodes) => picker.pick(undefined, excluded, false) }
  }

  test('idle nodes are taken in turn, by weight', () => {
    const { pick } = setup({ a: 2, b: 1 })
    assert.equal(Array.from({ length: 6 }, () => pick()?.host).join(''), 'abaaba')
  })

  test('requests under way, for its weight, decide', () => {
    const { nodes, pick } = setup({ a: 1, b: 1, c: 4 })
    const taken = Array.from({ length: 12 }, () => {
      const node = pick()
      assert.ok(node)
      node.client.load.active++
      return node.host
    })
    assert.deepEqual(
      nodes.map(({ client }) => client.load.active),
      [2, 2, 8],
      taken.join(''),
    )
    const [a, b, c] = nodes
    assert.ok(a && b && c)
    b.client.load.active = 0
    assert.equal(pick(), b)
    assert.notEqual(pick([b]), b)
    c.available = false
    b.available = false
    assert.equal(pick(), a)
    assert.equal(pick([a]), undefined)
  })

  test('a node that starts slowly counts as a smaller one', () => {
    const { nodes, pick } = setup({ a: 1, b: 1 })
    const [a, b] = nodes
    assert.ok(a && b)
    a.share = 0.1
    a.client.load.active = 1
    b.client.load.active = 9
    assert.equal(pick(), b)
  })
})
