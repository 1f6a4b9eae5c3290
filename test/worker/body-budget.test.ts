import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { BodyBudget } from '../../src/worker/body-budget.ts'
import { HeldBody } from '../../src/worker/held-body.ts'

suite('the memory for bodies', () => {
  test('goes to one body up to the half', () => {
    assert.equal(new BodyBudget(1_000, 100).maxBodyBytes, 50)
    const budget = new BodyBudget(1_000, 100)
    assert.ok(budget.take(50, 0))
    assert.ok(!budget.take(1, 50))
    budget.giveBack(50)
    assert.equal(budget.heldBytes, 0)
  })

  test('has room for small bodies when large ones get no more', () => {
    const budget = new BodyBudget(1_000, 1_000)
    const shares = [0, 0, 0, 0]
    let taken = 1
    while (taken > 0) {
      taken = 0
      for (const [index, had] of shares.entries()) {
        if (!budget.take(10, had)) continue
        shares[index] = had + 10
        taken++
      }
    }
    assert.deepEqual(shares, [200, 200, 200, 200])
    assert.ok(!budget.take(10, 200))
    assert.ok(budget.take(100, 0))
  })
})

suite('a held body', () => {
  function hold(pieces: readonly Buffer[], maxBytes: number, memory = Number.POSITIVE_INFINITY) {
    let held = 0
    const body = new HeldBody(maxBytes, (bytes) => {
      if (held + bytes > memory) return false
      held += bytes
      return true
    })
    const taken = pieces.every((piece) => body.add(piece))
    return { taken, held, bytes: body.bytes }
  }
  function pieceOf(text: string): Buffer {
    const piece = Buffer.allocUnsafeSlow(text.length)
    piece.write(text)
    return piece
  }

  test('has what came, in order, for at most twice its size', () => {
    const pieces = Array.from({ length: 30_000 }, (_, i) => pieceOf(String(i % 10)))
    const { held, bytes } = hold(pieces, 1_000_000)
    assert.equal(bytes.toString(), '0123456789'.repeat(3_000))
    assert.ok(held <= 2 * 30_000, `${held}`)
  })

  test('takes no more than was announced', () => {
    const pieces = Array.from({ length: 5_000 }, () => pieceOf('x'))
    assert.equal(hold(pieces, 5_000).held, 5_000)
  })

  test('keeps a body that came in one piece as it is', () => {
    const piece = pieceOf('whole')
    assert.equal(hold([piece], 5).bytes.buffer, piece.buffer)
  })

  test('counts what was read with the first piece', () => {
    const read = Buffer.from(new ArrayBuffer(60_000))
    assert.equal(hold([read.subarray(59_999)], 1).held, 60_000)
  })

  test('takes nothing when there is no memory', () => {
    const { taken, held, bytes } = hold([pieceOf('a'), pieceOf('b')], 100, 1)
    assert.deepEqual([taken, held, bytes.toString()], [false, 1, 'a'])
  })
})
