import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { StdoutLines } from '../../../src/worker/access-log/stdout-lines.ts'

suite('lines on stdout', () => {
  test('leave together; those that nobody reads are dropped', async () => {
    const written: string[] = []
    let dropped = 0
    const stream = {
      writableLength: 0,
      write: (text: string) => written.push(text),
    }
    const lines = new StdoutLines(
      (count) => {
        dropped += count
      },
      stream as unknown as NodeJS.WriteStream,
    )
    lines.append('a')
    lines.append('b')
    await lines.flush()
    assert.deepEqual(written, ['a\nb\n'])
    stream.writableLength = 2 * 1024 * 1024
    lines.append('c')
    await lines.flush()
    assert.deepEqual([written.length, dropped], [1, 1])
  })
})
