import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import pino from 'pino'
import { exportSnapshot } from '../../src/fallback/export-snapshot.ts'
import { createS3Importer } from '../../src/fallback/importer.ts'
import type { ExportHead } from '../../src/fallback/object-layout.ts'
import { ConfigState } from '../../src/model/config-state.ts'
import type { Snapshot } from '../../src/model/snapshot.ts'
import { RESOURCE_BUCKET, startS3, type TestS3 } from '../helpers/s3.ts'
import { until } from '../helpers/stack.ts'

const GROUP = 'blue'
const HEAD = { bucket: RESOURCE_BUCKET, key: `${GROUP}/HEAD.json` }
const JSON_TYPE = { contentType: 'application/json' }
const LEADER = { isHeld: true, timeline: 1 }

/** A configuration whose content shows its revision. */
function snapshotOf(revision: number, { epoch = 'e1', group = GROUP, routes = 20 } = {}) {
  const state = new ConfigState(group, { epoch, revision })
  for (let n = 0; n < routes; n++) {
    state.load('routes', { id: `r${n}`, uri: `/${revision}/${n}`, upstream_id: 'u' })
  }
  return state.toSnapshot(new Date())
}

async function put(s3: TestS3, snapshot: Snapshot, group = GROUP): Promise<ExportHead> {
  return exportSnapshot({
    ...{ store: s3.store, bucket: RESOURCE_BUCKET, group, leadership: LEADER },
    loadSnapshot: async () => snapshot,
  })
}

function importerOf(t: TestContext, s3: TestS3, { tryMs = 10_000 } = {}) {
  const lines: { level: number; msg: string; reason?: string }[] = []
  const log = pino({ level: 'debug' }, { write: (line) => lines.push(JSON.parse(line)) })
  const importer = createS3Importer({ ...s3.settings, group: GROUP }, log, { tryMs })
  t.after(() => importer.stop())
  return { importer, lines }
}

suite('importer', () => {
  test('reads what was exported', async (t) => {
    const s3 = await startS3(t)
    const snapshot = snapshotOf(7)
    await put(s3, snapshot)
    const { importer, lines } = importerOf(t, s3)
    assert.deepEqual(await importer.load(), snapshot)
    assert.equal(importer.state.revision, 7)
    assert.equal(importer.state.error, undefined)
    assert.deepEqual(
      lines.map(({ msg }) => msg),
      ['snapshot read from S3'],
    )
  })

  test('10 000 routes within a second', async (t) => {
    const s3 = await startS3(t)
    await put(s3, snapshotOf(7, { routes: 10_000 }))
    const startedAt = performance.now()
    const snapshot = await importerOf(t, s3).importer.load()
    t.diagnostic(`${Math.round(performance.now() - startedAt)} ms`)
    assert.equal(snapshot?.routes?.length, 10_000)
  })

  test('read ahead, it has the snapshot without asking again', async (t) => {
    const s3 = await startS3(t)
    const snapshot = snapshotOf(7)
    await put(s3, snapshot)
    const { importer } = importerOf(t, s3)
    importer.prepare()
    await until(() => importer.state.revision === 7)
    const asked = s3.requests.length
    assert.deepEqual(await importer.load(), snapshot)
    assert.ok(s3.requests.length - asked <= 1, 'at most what was under way')
    await put(s3, snapshotOf(8))
    assert.equal((await importer.load())?._meta.revision, 8)
  })

  test('takes nothing that is not newer than what is served', async (t) => {
    const s3 = await startS3(t)
    await put(s3, snapshotOf(7))
    const { importer, lines } = importerOf(t, s3)
    const at = (revision: number, epoch = 'e1') => ({ epoch, revision, digest: '' })
    assert.equal(await importer.load({ have: at(7) }), undefined)
    assert.equal(lines.length, 0, 'the same is no news')
    assert.equal(await importer.load({ have: at(8) }), undefined)
    assert.match(importer.state.error ?? '', /older \(revision 7\) than what is served \(8\)/)
    assert.equal(await importer.load({ have: at(3, 'e0') }), undefined)
    assert.match(importer.state.error ?? '', /of another history/)
    const followed = await importer.load({ have: at(3, 'e0'), followEpoch: true })
    assert.equal(followed?._meta.revision, 7)
    assert.equal((await importer.load({ have: at(6) }))?._meta.revision, 7)
  })

  const damages: {
    name: string
    damage: (bytes: Buffer) => Buffer
    reason: RegExp
  }[] = [
    { name: 'truncated', damage: (b) => b.subarray(0, b.length / 2), reason: /bytes instead of/ },
    { name: 'empty', damage: () => Buffer.alloc(0), reason: /0 bytes instead of/ },
    {
      name: 'bit-flipped',
      damage(bytes) {
        bytes.writeUInt8(bytes.readUInt8(40) ^ 4, 40)
        return bytes
      },
      reason: /SHA-256 differs/,
    },
    { name: 'longer', damage: (b) => Buffer.concat([b, b]), reason: /is too large/ },
    { name: '5 MiB of zeros', damage: () => Buffer.alloc(5 << 20), reason: /is too large/ },
  ]
  for (const { name, damage, reason } of damages) {
    test(`a newest snapshot that is ${name}: the one before serves`, async (t) => {
      const s3 = await startS3(t)
      await put(s3, snapshotOf(1))
      const { key } = await put(s3, snapshotOf(2))
      const bytes = (await s3.store.get({ bucket: RESOURCE_BUCKET, key }, 1e9))?.bytes
      await s3.store.put({ bucket: RESOURCE_BUCKET, key }, damage(bytes as Buffer), JSON_TYPE)
      const { importer, lines } = importerOf(t, s3)
      assert.equal((await importer.load())?._meta.revision, 1)
      const told = lines.find(({ msg }) => msg === 'older export used')
      assert.match(told?.reason ?? '', reason)

      const have = { epoch: 'e1', revision: 1, digest: '' }
      assert.equal(await importer.load({ have }), undefined)
      assert.match(importer.state.error ?? '', reason)
    })
  }

  test('a deleted snapshot: the one before serves', async (t) => {
    const s3 = await startS3(t)
    await put(s3, snapshotOf(1))
    const { key } = await put(s3, snapshotOf(2))
    await s3.store.delete({ bucket: RESOURCE_BUCKET, key })
    assert.equal((await importerOf(t, s3).importer.load())?._meta.revision, 1)
  })

  const forgeries: { name: string; forge: (text: string) => string; reason: RegExp }[] = [
    {
      name: 'an altered object',
      forge: (text) => text.replace('/2/0', '/x/0'),
      reason: /content that differs from its digest/,
    },
    { name: 'no JSON', forge: (text) => text.slice(1), reason: /not compressed JSON/ },
    { name: 'no snapshot', forge: () => 'null', reason: /has no _meta/ },
    {
      name: 'a foreign group',
      forge: (text) => text.replace('"group":"blue"', '"group":"red"'),
      reason: /is of gateway group red/,
    },
    {
      name: 'a format of the future',
      forge: (text) => text.replace('"format":1', '"format":99'),
      reason: /has format 99/,
    },
    {
      name: 'another revision',
      forge: (text) => text.replace('"revision":2', '"revision":3'),
      reason: /not the one its name says/,
    },
    {
      name: 'a collection that is no list',
      forge: (text) => text.replace(/"routes": \[[\s\S]*\]/, '"routes": {}'),
      reason: /differs from its digest/,
    },
  ]
  for (const { name, forge, reason } of forgeries) {
    test(`a snapshot with a right SHA-256 but ${name} is refused`, async (t) => {
      const s3 = await startS3(t)
      const head = await put(s3, snapshotOf(2))
      const object = { bucket: RESOURCE_BUCKET, key: head.key }
      const text = gunzipSync((await s3.store.get(object, 1e9))?.bytes ?? '').toString()
      assert.notEqual(forge(text), text)
      const bytes = gzipSync(forge(text))
      const { createHash } = await import('node:crypto')
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      await s3.store.put(object, bytes, JSON_TYPE)
      await s3.store.put(HEAD, JSON.stringify({ ...head, sha256, size: bytes.length }), JSON_TYPE)
      const { importer } = importerOf(t, s3)
      assert.equal(await importer.load(), undefined)
      assert.match(importer.state.error ?? '', reason)
    })
  }

  const heads: { name: string; change: (head: ExportHead) => object | string; reason: RegExp }[] = [
    { name: 'no JSON', change: () => '{', reason: /HEAD.json is not JSON/ },
    { name: 'null', change: () => 'null', reason: /is not an object/ },
    { name: 'another format', change: (h) => ({ ...h, format: 2 }), reason: /has format 2/ },
    {
      name: 'a foreign group',
      change: (h) => ({ ...h, group: 'red' }),
      reason: /of gateway group/,
    },
    {
      name: 'a foreign key',
      change: (h) => ({ ...h, key: 'red/e1/2.json.gz' }),
      reason: /does not name a snapshot of this group/,
    },
    { name: '5 GiB', change: (h) => ({ ...h, size: 5 * 2 ** 30 }), reason: /is too large/ },
    { name: '1 MiB of HEAD', change: () => ' '.repeat(1 << 20), reason: /is too large/ },
  ]
  for (const { name, change, reason } of heads) {
    test(`HEAD.json with ${name} is refused`, async (t) => {
      const s3 = await startS3(t)
      const changed = change(await put(s3, snapshotOf(2)))
      const text = typeof changed === 'string' ? changed : JSON.stringify(changed)
      await s3.store.put(HEAD, text, JSON_TYPE)
      const { importer } = importerOf(t, s3)
      assert.equal(await importer.load(), undefined)
      assert.match(importer.state.error ?? '', reason)
    })
  }

  test('a store without an export says so, once', async (t) => {
    const { importer, lines } = importerOf(t, await startS3(t))
    for (let i = 0; i < 3; i++) assert.equal(await importer.load(), undefined)
    assert.deepEqual(
      lines.map(({ msg, reason }) => `${msg}: ${reason}`),
      ['fallback in S3 not used: nothing was ever exported to s3://resources/blue/'],
    )
  })

  test('wrong credentials are a clear line', async (t) => {
    const s3 = await startS3(t)
    await put(s3, snapshotOf(2))
    s3.settings.credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'canary-secret' }
    const { importer, lines } = importerOf(t, s3)
    assert.equal(await importer.load(), undefined)
    assert.match(lines[0]?.reason ?? '', /HEAD.json is refused: the secret key is wrong/)
    assert.ok(!JSON.stringify(lines).includes('canary-secret'))
  })

  test('a store at 1 byte a second is given up on', async (t) => {
    const s3 = await startS3(t)
    await put(s3, snapshotOf(2))
    s3.fault = ({ url }) => (url.includes('HEAD') ? undefined : { bytesPerSecond: 1 })
    const { importer } = importerOf(t, s3, { tryMs: 500 })
    const startedAt = performance.now()
    assert.equal(await importer.load(), undefined)
    assert.ok(performance.now() - startedAt < 3_000)
    assert.match(importer.state.error ?? '', /does not answer within 500 ms/)
    s3.fault = () => undefined
    assert.equal((await importer.load())?._meta.revision, 2)
  })
})
