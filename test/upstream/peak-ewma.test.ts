import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createPeakEwma } from '../../src/upstream/peak-ewma.ts'
import type { UpstreamNode } from '../../src/upstream/upstream-node.ts'
import { fakeNodes } from './fake-nodes.ts'

/** Random numbers that repeat, and a clock that the test sets. */
function setup(weights: Record<string, number>) {
  const nodes = fakeNodes(weights)
  let seed = 1
  const random = () => {
    seed = (seed * 16_807) % 2_147_483_647
    return seed / 2_147_483_647
  }
  const clock = { now: 0 }
  const picker = createPeakEwma(nodes, random, () => clock.now)
  const pick = (excluded?: UpstreamNode[]) => picker.pick(undefined, excluded, false)
  const note = (node: UpstreamNode | undefined, ms: number, failed = false) => {
    assert.ok(node)
    picker.done?.(node, ms, failed)
  }
  const counts = (picks: number) => {
    const result: Record<string, number> = {}
    for (let i = 0; i < picks; i++) {
      const { host = '' } = pick() ?? {}
      result[host] = (result[host] ?? 0) + 1
    }
    return result
  }
  return { nodes, pick, note, clock, counts }
}

suite('peak EWMA', () => {
  test('of two at random the faster one; the slowest of all never', () => {
    const { nodes, note, counts } = setup({ a: 1, b: 1, c: 1 })
    for (const [i, ms] of [10, 20, 400].entries()) note(nodes[i], ms)
    const { a = 0, b = 0, c = 0 } = counts(300)
    assert.equal(c, 0)
    assert.ok(a > b && b > 50, `${a} ${b}`)
  })

  test('a rise counts at once, a fall little by little, and is forgotten in time', () => {
    const { nodes, note, clock } = setup({ a: 1 })
    const load = nodes[0]?.client.load
    assert.ok(load)
    note(nodes[0], 10)
    note(nodes[0], 500)
    assert.equal(load.latencyMs(0), 500)
    clock.now = 1_000
    note(nodes[0], 10)
    assert.ok(load.latencyMs(1_000) > 400 && load.latencyMs(1_000) < 500)
    assert.ok(load.latencyMs(61_000) < 5, 'tried again although nobody measured')
  })

  test('failing fast does not attract requests', () => {
    const { nodes, note, counts } = setup({ a: 1, b: 1 })
    note(nodes[0], 50)
    note(nodes[1], 1, true)
    assert.deepEqual(counts(50), { a: 50 })
  })

  test('requests under way count before anything was measured', () => {
    const { nodes, pick } = setup({ a: 1, b: 1 })
    const [a, b] = nodes
    assert.ok(a && b)
    a.client.load.active = 3
    assert.equal(pick(), b)
    assert.equal(pick([b]), a)
    assert.equal(pick([a, b]), undefined)
    b.available = false
    assert.equal(pick(), a)
  })
})
