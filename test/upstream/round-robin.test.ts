import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { createRoundRobin } from '../../src/upstream/round-robin.ts'

function choicesOf(weights: Record<string, number>) {
  return Object.entries(weights).map(([name, weight]) => ({ name, weight, priority: 0 }))
}

suite('round robin', () => {
  test('spreads a heavy choice between the light ones', () => {
    const pick = createRoundRobin(choicesOf({ a: 5, b: 1, c: 1 }))
    const order = Array.from({ length: 14 }, () => pick()?.name).join('')
    assert.equal(order, 'aabacaaaabacaa')
  })

  test('gives each choice exactly its share per round', () => {
    const weights = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(weights, (list) => {
        const choices = list.map((weight) => ({ weight, priority: 0 }))
        const pick = createRoundRobin(choices)
        const counts = new Map(choices.map((choice) => [choice, 0]))
        const total = list.reduce((sum, weight) => sum + weight, 0)
        for (let i = 0; i < total; i++) {
          const choice = pick()
          assert.ok(choice)
          counts.set(choice, (counts.get(choice) ?? 0) + 1)
        }
        for (const [choice, count] of counts) assert.equal(count, choice.weight)
      }),
    )
  })

  test('never picks what has no weight or is excluded', () => {
    const choices = choicesOf({ a: 1, b: 0, c: 1 })
    const pick = createRoundRobin(choices)
    const [a, , c] = choices
    assert.ok(a && c)
    for (let i = 0; i < 4; i++) assert.equal(pick([a])?.name, 'c')
    assert.equal(pick([a, c]), undefined)
    assert.equal(createRoundRobin(choicesOf({ b: 0 }))(), undefined)
    assert.equal(createRoundRobin([])(), undefined)
  })

  test('turns to a lower priority only when the higher is used up', () => {
    const high = { name: 'high', weight: 1, priority: 1 }
    const low = { name: 'low', weight: 100, priority: -1 }
    const pick = createRoundRobin([low, high])
    assert.equal(pick()?.name, 'high')
    assert.equal(pick()?.name, 'high')
    assert.equal(pick([high])?.name, 'low')
    assert.equal(pick([high, low]), undefined)
  })
})
