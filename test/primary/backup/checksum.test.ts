import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { ChecksumBuilder, fits, undoFlippedBits } from '../../../src/primary/backup/checksum.ts'

const BLOCK_BYTES = 64

function sumOf(...chunks: Buffer[]) {
  const builder = new ChecksumBuilder()
  for (const chunk of chunks) builder.add(chunk)
  return builder.finish()
}

function flip(bytes: Buffer, ...bits: number[]): Buffer {
  const flipped = Buffer.from(bytes)
  for (const bit of bits) flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return flipped
}

const files = fc.uint8Array({ minLength: 1, maxLength: 1000 }).map((bytes) => Buffer.from(bytes))

suite('checksum', () => {
  test('is the same however the bytes are cut', () => {
    fc.assert(
      fc.property(files, fc.nat(), (bytes, cut) => {
        const at = cut % bytes.length
        assert.deepEqual(sumOf(bytes.subarray(0, at), bytes.subarray(at)), sumOf(bytes))
      }),
    )
  })

  test('finds and undoes any flipped bit, and any two in different bytes', () => {
    fc.assert(
      fc.property(files, fc.nat(), fc.nat(), (bytes, a, b) => {
        const [first, second] = [a % (bytes.length * 8), b % (bytes.length * 8)]
        const sum = sumOf(bytes)
        assert.deepEqual(undoFlippedBits(flip(bytes, first), sum), bytes)
        if (first >> 3 === second >> 3) return
        assert.deepEqual(undoFlippedBits(flip(bytes, first, second), sum), bytes)
      }),
    )
  })

  test('takes no other change for flipped bits', () => {
    const bytes = Buffer.from('{"upstream": {"nodes": {"127.0.0.1:9001": 1}}}'.repeat(3))
    const sum = sumOf(bytes)
    assert.equal(fits(bytes, sum), true)
    for (const [from, to] of [
      ['9001', '9002'],
      ['9001', '8888'],
      ['127.0.0.1', '10.0.0.25'],
    ] as const) {
      const changed = Buffer.from(bytes.toString().replace(from, to))
      assert.equal(changed.length, bytes.length)
      assert.equal(undoFlippedBits(changed, sum), undefined, `${from} → ${to}`)
    }
    assert.equal(undoFlippedBits(bytes.subarray(1), sum), undefined)
    assert.equal(undoFlippedBits(flip(bytes, 0, 9, 18), sum), undefined)
    const spread = flip(bytes, 0, 9, BLOCK_BYTES * 8, BLOCK_BYTES * 8 + 9)
    assert.deepEqual(undoFlippedBits(spread, sum), bytes)
  })
})
