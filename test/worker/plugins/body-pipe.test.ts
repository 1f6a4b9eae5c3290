import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { BodyFilter } from '../../../src/plugins/contract.ts'
import { BodyPipe } from '../../../src/worker/plugins/body-pipe.ts'

function createPipe(filters: BodyFilter[]) {
  const written: string[] = []
  const ended = Promise.withResolvers<void>()
  let resumed = 0
  let failure: unknown
  const reported: unknown[] = []
  const pipe = new BodyPipe(filters, {
    write: (chunk) => written.push(chunk.toString()) < 100,
    end: () => ended.resolve(),
    resume: () => {
      resumed++
    },
    fail: (error) => {
      failure = error
      ended.resolve()
    },
    report: (error) => void reported.push(error),
  })
  return {
    reported,
    pipe,
    written,
    ended: ended.promise,
    resumed: () => resumed,
    failure: () => failure,
  }
}

const bytes = (text: string) => Buffer.from(text)
const upper: BodyFilter = { transform: (chunk) => bytes(chunk.toString().toUpperCase()) }
const late = (filter: BodyFilter): BodyFilter => ({
  transform: async (chunk) => filter.transform(chunk),
  flush: async () => filter.flush?.(),
})

/** Holds everything back until the end. */
function collector(): BodyFilter {
  const chunks: Buffer[] = []
  return {
    transform: (chunk) => {
      chunks.push(chunk)
      return undefined
    },
    flush: () => Buffer.concat([...chunks, bytes('.')]),
  }
}

suite('BodyPipe', () => {
  test('passes pieces on at once while filters answer at once', () => {
    const { pipe, written } = createPipe([upper])
    assert.equal(pipe.push(bytes('a')), true)
    assert.deepEqual(written, ['A'])
  })

  const chains = [
    { name: 'collects, then changes', filters: () => [collector(), upper], result: 'AB.' },
    {
      name: 'changes, then collects late',
      filters: () => [upper, late(collector())],
      result: 'AB.',
    },
    { name: 'all late', filters: () => [late(collector()), late(upper)], result: 'AB.' },
    { name: 'two collectors', filters: () => [collector(), collector()], result: 'ab..' },
  ]
  for (const { name, filters, result } of chains) {
    test(`what is flushed passes the filters after it: ${name}`, async () => {
      const { pipe, written, ended } = createPipe(filters())
      pipe.push(bytes('a'))
      pipe.push(bytes('b'))
      pipe.end()
      await ended
      assert.equal(written.join(''), result)
    })
  }

  test('asks the source to wait for a late filter, keeps the order, and resumes it', async () => {
    const { pipe, written, ended, resumed } = createPipe([late(upper)])
    assert.equal(pipe.push(bytes('a')), false)
    assert.equal(pipe.push(bytes('b')), false)
    pipe.end()
    await ended
    assert.deepEqual(written, ['A', 'B'])
    assert.equal(resumed(), 0, 'nothing is left to resume')
  })

  test('reports a filter that throws or rejects, once, and takes nothing more', async () => {
    const faulty: BodyFilter[] = [
      { transform: () => assert.fail('now') },
      { transform: () => Promise.reject(new Error('later')) },
    ]
    for (const filter of faulty) {
      const { pipe, written, ended, failure } = createPipe([filter])
      pipe.push(bytes('a'))
      await ended
      assert.ok(failure() instanceof Error)
      assert.equal(pipe.push(bytes('b')), false)
      assert.deepEqual(written, [])
    }
  })

  test('says whether the length stays', () => {
    const observer: BodyFilter = { transform: (chunk) => chunk, observesOnly: true }
    assert.equal(createPipe([observer, observer]).pipe.keepsLength, true)
    assert.equal(createPipe([observer, upper]).pipe.keepsLength, false)
  })
})
