import assert from 'node:assert/strict'
import dns from 'node:dns'
import { suite, type TestContext, test } from 'node:test'
import { createObjectStore, type StoreTimes } from '../../src/fallback/object-store.ts'
import { RESOURCE_BUCKET, startS3, type TestS3 } from '../helpers/s3.ts'

const NAME = { bucket: RESOURCE_BUCKET, key: 'g/an object' }
const JSON_TYPE = { contentType: 'application/json' }
const HOUR_MS = 3_600_000

function storeOf(
  t: TestContext,
  s3: TestS3,
  settings: Partial<TestS3['settings']> = {},
  times: StoreTimes = {},
) {
  const store = createObjectStore({ ...s3.settings, ...settings }, times)
  t.after(() => store.stop())
  return store
}

suite('object store', () => {
  test('keeps bytes and their checksum', async (t) => {
    const store = storeOf(t, await startS3(t))
    await store.put(NAME, 'hello', { ...JSON_TYPE, sha256: 'abc' })
    assert.equal((await store.get(NAME, 5))?.bytes.toString(), 'hello')
    assert.equal(await store.readSha256(NAME), 'abc')
    await store.delete(NAME)
    assert.equal(await store.get(NAME, 5), undefined)
    assert.equal(await store.readSha256(NAME), undefined)
  })

  const strangers = [
    { who: 'S3RVER', secret: 'wrong', reason: /is refused: the secret key is wrong/ },
    { who: 'nobody', secret: 'S3RVER', reason: /is refused: the access key is not known/ },
  ]
  for (const { who, secret, reason } of strangers) {
    test(`${who} with ${secret} is refused`, async (t) => {
      const credentials = { accessKeyId: who, secretAccessKey: secret }
      const store = storeOf(t, await startS3(t), { credentials })
      const failure = { code: 'GW_FALLBACK_UNAVAILABLE', kind: 'forbidden', message: reason }
      await assert.rejects(store.put(NAME, 'x', JSON_TYPE), failure)
      await assert.rejects(store.get(NAME, 5), failure)
    })
  }

  test('a wrong clock is mended by the time that the store tells', async (t) => {
    const store = storeOf(t, await startS3(t), {}, { clockOffsetMs: HOUR_MS })
    await store.put(NAME, 'hello', JSON_TYPE)
    assert.equal((await store.get(NAME, 5))?.bytes.toString(), 'hello')
  })

  test('writes over the version that was read, and no other', async (t) => {
    const store = storeOf(t, await startS3(t))
    await store.put(NAME, 'one', { ...JSON_TYPE, over: null })
    await assert.rejects(store.put(NAME, 'two', { ...JSON_TYPE, over: null }), { kind: 'changed' })
    const first = await store.get(NAME, 10)
    await store.put(NAME, 'two', { ...JSON_TYPE, over: first?.etag })
    await assert.rejects(store.put(NAME, 'three', { ...JSON_TYPE, over: first?.etag }), {
      kind: 'changed',
    })
    assert.equal((await store.get(NAME, 10))?.bytes.toString(), 'two')
  })

  for (const forcePathStyle of [true, false]) {
    test(`path style ${forcePathStyle}`, async (t) => {
      const s3 = await startS3(t)
      // Names below localhost resolve on some systems only.
      const { lookup } = dns
      const toLoopback = (_name: string, options: object, done: never) =>
        lookup('127.0.0.1', options, done)
      t.mock.method(dns, 'lookup', toLoopback as never)
      const endpoint = s3.endpoint.replace('127.0.0.1', 'localhost')
      const store = storeOf(t, s3, { endpoint, forcePathStyle })
      // s3rver reads a bucket in the host's name but signs as if it were in the path.
      s3.fault = () => ({ status: 503 })
      await assert.rejects(store.put(NAME, 'hello', JSON_TYPE), { message: /503/ })
      const { host } = new URL(endpoint)
      const start = forcePathStyle ? `${host}/${NAME.bucket}/g/` : `${NAME.bucket}.${host}/g/`
      assert.ok(
        s3.requests.every(({ url }) => url.startsWith(start)),
        JSON.stringify(s3.requests),
      )
    })
  }

  test('what is larger than allowed is not read', async (t) => {
    const store = storeOf(t, await startS3(t))
    await store.put(NAME, Buffer.alloc(1_000_000), JSON_TYPE)
    await assert.rejects(store.get(NAME, 1_000), { kind: 'invalid', message: /too large: 1000000/ })
  })

  const faults = [
    { name: 'an error of the server', fault: { status: 500 }, reason: /could not be had: 500/ },
    { name: 'overload', fault: { status: 503 }, reason: /could not be had: 503/ },
    { name: 'no answer', fault: 'hang', reason: /does not answer within 400 ms/ },
    { name: '1 byte a second', fault: { bytesPerSecond: 1 }, reason: /does not answer within 400/ },
    { name: 'a cut body', fault: { truncateAt: 3 }, reason: /connection cut/ },
  ] as const
  for (const { name, fault, reason } of faults) {
    test(`${name} is a failure in time`, async (t) => {
      const s3 = await startS3(t)
      await s3.store.put(NAME, 'hello', JSON_TYPE)
      s3.fault = () => fault
      const store = storeOf(t, s3, {}, { tryMs: 400 })
      const startedAt = performance.now()
      await assert.rejects(store.get(NAME, 100), { kind: 'unavailable', message: reason })
      assert.ok(performance.now() - startedAt < 2_000)
      s3.fault = () => undefined
      assert.equal((await store.get(NAME, 100))?.bytes.toString(), 'hello')
    })
  }

  test('a store that is away is a failure, not a wait', async (t) => {
    const s3 = await startS3(t)
    await s3.stop()
    const store = storeOf(t, s3)
    await assert.rejects(store.get(NAME, 100), {
      message: /can not be reached: connection refused/,
    })
    await s3.start()
    assert.equal(await store.get(NAME, 100), undefined)
  })

  test('a missing bucket is not a missing object', async (t) => {
    const store = storeOf(t, await startS3(t))
    await assert.rejects(store.get({ bucket: 'nowhere', key: 'k' }, 5), {
      message: /bucket that does not exist/,
    })
  })
})
