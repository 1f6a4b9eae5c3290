import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { UploadBody } from '../../src/upstream/upload-body.ts'
import { bodyOf, SlowBody } from './test-sink.ts'

const KIB = 1024

suite('upload body', () => {
  test('is whole when it was complete before anyone read it', () => {
    assert.equal(new UploadBody(bodyOf('abc')).whole?.toString(), 'abc')
    assert.equal(new UploadBody(bodyOf('')).whole?.length, 0)
    const source = new SlowBody()
    const body = new UploadBody(source)
    source.write('a')
    source.write('b')
    assert.equal(body.whole === undefined, true)
    source.end()
    assert.equal(body.whole?.toString(), 'ab')
  })

  test('holds 64 KiB back and no more while nobody reads', () => {
    const source = new SlowBody()
    new UploadBody(source)
    assert.equal(source.write(Buffer.alloc(63 * KIB)), true)
    assert.equal(source.write(Buffer.alloc(KIB)), false)
  })

  test('streams what was held, then what comes, and follows pause and resume', async () => {
    const source = new SlowBody()
    const body = new UploadBody(source)
    source.write('held')
    const stream = body.open()
    const got: string[] = []
    stream.on('data', (chunk) => got.push(String(chunk)))
    stream.on('end', () => got.push('end'))
    stream.resume()
    await new Promise(setImmediate)
    source.write('live')
    stream.pause()
    assert.equal(source.write(Buffer.alloc(64 * KIB)), false)
    assert.deepEqual(got, ['held', 'live'])
    stream.resume()
    await new Promise(setImmediate)
    assert.equal(source.paused, false)
    source.end()
    assert.equal(got.length, 4)
    assert.equal(got.at(-1), 'end')
    assert.equal(body.started, true)
    assert.equal(body.whole, undefined)
  })

  test('an attempt that read nothing leaves all of it for the next', async () => {
    const source = new SlowBody()
    const body = new UploadBody(source)
    source.write('held')
    body.open().destroy()
    const stream = body.open()
    const got: string[] = []
    stream.on('data', (chunk) => got.push(String(chunk)))
    stream.resume()
    await new Promise(setImmediate)
    assert.deepEqual(got, ['held'])
  })

  test('discard lets the rest flow into nothing', () => {
    const source = new SlowBody()
    const body = new UploadBody(source)
    source.write(Buffer.alloc(64 * KIB))
    assert.equal(source.paused, true)
    body.discard()
    assert.equal(source.paused, false)
    assert.equal(source.write(Buffer.alloc(1024 * KIB)), true)
    source.end()
  })

  test('a sender that fails is heard by the attempt under way, and by a later one', async () => {
    const source = new SlowBody()
    const body = new UploadBody(source)
    const errors: string[] = []
    const first = body.open().on('error', (error) => errors.push(error.message))
    first.resume()
    source.fail(new Error('gone'))
    const second = body.open().on('error', (error) => errors.push(error.message))
    second.resume()
    await new Promise(setImmediate)
    assert.deepEqual(errors, ['gone', 'gone'])
  })
})
