import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createBalancer } from '../../src/upstream/balancer.ts'
import { createRoundRobin } from '../../src/upstream/round-robin.ts'
import { fakeNode } from './fake-nodes.ts'

suite('balancer', () => {
  test('turns to a lower priority only when no node of the higher is left', () => {
    const high = fakeNode('high', 1, 1)
    const low = fakeNode('low', 100, -1)
    const { pick } = createBalancer([low, high], createRoundRobin, true)
    assert.equal(pick(undefined, undefined), high)
    assert.equal(pick(undefined, undefined), high)
    assert.equal(pick(undefined, [high]), low)
    assert.equal(pick(undefined, [high, low]), undefined)
    high.available = false
    assert.equal(pick(undefined, undefined), low)
    assert.equal(pick(undefined, [low]), undefined, 'one that is down is no way out')
  })

  test('with all nodes down, forwards in order of priority, or not', () => {
    const high = fakeNode('high', 1, 1)
    const low = fakeNode('low', 1, 0)
    high.available = false
    low.available = false
    const forwarding = createBalancer([low, high], createRoundRobin, true)
    assert.equal(forwarding.pick(undefined, undefined), high)
    assert.equal(forwarding.pick(undefined, [high]), low)
    const refusing = createBalancer([low, high], createRoundRobin, false)
    assert.equal(refusing.pick(undefined, undefined), undefined)
  })
})
