import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { getHeapSpaceStatistics } from 'node:v8'
import { keepYoungGenerationSmall } from '../../src/support/heap-limits.ts'
import { HeapLimits } from '../../src/worker/heap-limits.ts'

/** Twice what a process has that grew nothing; unbridled it is 40 MB and more. */
const MAX_SMALL_BYTES = 8 * 1024 * 1024

/** Makes objects that live long enough to make V8 grow its young generation. */
function survive(): number {
  const kept: unknown[][] = []
  for (let i = 0; i < 2_000_000; i++) {
    kept[i % 200_000] = [i, `${i}`]
  }
  return kept.length
}

function youngBytes(): number {
  return (
    getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0
  )
}

suite('HeapLimits', () => {
  test('let the young generation grow with the first traffic', () => {
    keepYoungGenerationSmall()
    const limits = new HeapLimits()
    survive()
    limits.note(99, true)
    survive()
    assert.ok(youngBytes() < MAX_SMALL_BYTES, `it has grown to ${youngBytes()} bytes`)

    limits.note(99 + 100, true)
    survive()
    assert.ok(youngBytes() > MAX_SMALL_BYTES, `it is still ${youngBytes()} bytes`)
  })
})
