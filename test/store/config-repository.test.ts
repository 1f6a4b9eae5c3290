import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import pino from 'pino'
import { ConfigState } from '../../src/model/config-state.ts'
import { EMPTY_DIGEST } from '../../src/model/digest.ts'
import type { ResourceBody } from '../../src/model/resource-kind.ts'
import type { Delta, RevisionMark } from '../../src/model/revision.ts'
import { type ConfigRepository, createConfigRepository } from '../../src/store/config-repository.ts'
import { createDatabase, type Database } from '../../src/store/database.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'

const log = pino({ level: 'silent' })

function route(id: string, uri = `/${id}`): ResourceBody {
  return { id, uri }
}

/** Deltas after `since`; fails the test when the repository wants a resync. */
async function deltasAfter(
  repository: ConfigRepository,
  group: string,
  since: RevisionMark,
): Promise<Delta[]> {
  const { deltas } = await repository.loadDeltas(group, since, 1000)
  assert.ok(deltas, 'deltas were expected')
  return deltas
}

suite('config repository', () => {
  let testDatabase: TestDatabase
  let database: Database
  let repository: ConfigRepository
  before(async () => {
    testDatabase = await createTestDatabase()
    database = createDatabase({ url: testDatabase.url, log })
    repository = createConfigRepository(database, { keepRevisions: 200 })
  })
  after(async () => {
    await database.stop()
    await testDatabase.drop()
  })

  const put = (group: string, body: ResourceBody) =>
    repository.write(group, 'tester', async (tx) => tx.put('routes', String(body.id), body))

  test('a group that nobody wrote to is empty, at revision 0, with a lasting epoch', async () => {
    assert.equal(await repository.readHead('fresh'), undefined)
    const snapshot = await repository.loadSnapshot('fresh')
    assert.equal(snapshot._meta.revision, 0)
    assert.equal(snapshot._meta.digest, EMPTY_DIGEST)
    assert.equal((await repository.loadSnapshot('fresh'))._meta.epoch, snapshot._meta.epoch)
    const { mark } = await put('fresh', route('a'))
    assert.equal(mark.epoch, snapshot._meta.epoch)
    assert.equal(mark.revision, 1)
  })

  test('a stored object comes back with the revisions that created and changed it', async () => {
    await put('objects', route('a'))
    await put('objects', route('b'))
    await put('objects', route('a', '/changed'))
    assert.deepEqual(await repository.get('objects', 'routes', 'a'), {
      body: route('a', '/changed'),
      createdRevision: 1,
      revision: 3,
    })
    const ids = (await repository.list('objects', 'routes')).map(({ body }) => body.id)
    assert.deepEqual(ids, ['a', 'b'])
    assert.equal(await repository.get('objects', 'services', 'a'), undefined)
    assert.equal(await repository.get('elsewhere', 'routes', 'a'), undefined)
    assert.ok((await repository.listGroups()).includes('objects'))
  })

  test('a transaction sees what it has changed itself', async () => {
    await put('own', route('old'))
    const { result } = await repository.write('own', 'tester', async (tx) => {
      tx.put('routes', 'new', route('new'))
      const deleted = await tx.delete('routes', 'old')
      const again = await tx.delete('routes', 'old')
      const listed = (await tx.list('routes')).map(({ body }) => body.id)
      return { deleted, again, listed, old: await tx.get('routes', 'old') }
    })
    assert.deepEqual(result, { deleted: true, again: false, listed: ['new'], old: undefined })
  })

  test('writes that change nothing leave the revision alone', async () => {
    const { mark: before } = await put('still', route('a'))
    const { changed, mark } = await repository.write('still', 'tester', async (tx) => {
      await tx.delete('routes', 'missing')
      tx.put('routes', 'passing', route('passing'))
      await tx.delete('routes', 'passing')
    })
    assert.equal(changed, false)
    assert.deepEqual(mark, before)
  })

  test('a write that throws leaves nothing behind, and no gap', async () => {
    await put('rollback', route('a'))
    const failing = repository.write('rollback', 'tester', async (tx) => {
      tx.put('routes', 'b', route('b'))
      await tx.get('routes', 'b')
      throw new Error('changed my mind')
    })
    await assert.rejects(failing, /changed my mind/)
    assert.equal(await repository.get('rollback', 'routes', 'b'), undefined)
    assert.equal((await put('rollback', route('c'))).mark.revision, 2)
  })

  test('eight writers make gapless revisions, and deltas lead to the snapshot', async () => {
    const start = (await repository.loadSnapshot('crowd'))._meta
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      const revisions: number[] = []
      for (let i = 0; i < 20; i++) {
        const { mark } = await repository.write('crowd', `writer ${writer}`, async (tx) => {
          if (i % 5 === 4) await tx.delete('routes', `${writer}-${i - 1}`)
          tx.put('routes', `${writer}-${i % 5}`, { ...route(`${writer}-${i % 5}`), priority: i })
        })
        revisions.push(mark.revision)
      }
      return revisions
    })
    const revisions = (await Promise.all(writers)).flat().sort((a, b) => a - b)
    assert.deepEqual(
      revisions,
      Array.from({ length: 160 }, (_, i) => i + 1),
    )

    const state = new ConfigState('crowd', start)
    for (const delta of await deltasAfter(repository, 'crowd', start)) state.apply(delta)
    const snapshot = await repository.loadSnapshot('crowd')
    const { epoch, revision, digest } = snapshot._meta
    assert.deepEqual(state.mark, { epoch, revision, digest })
    // Computed from the objects, not copied from the head.
    assert.equal(ConfigState.from(snapshot).mark.digest, digest)
  })

  test('numbers, unicode and odd keys keep their digest through jsonb', async () => {
    const body = {
      id: 'odd',
      numbers: [0, -0, 1.5, 1e-7, 1e15, 9007199254740991, 0.1 + 0.2],
      text: 'ä \u{1f600} \\u0000 "quoted" \n\u2028',
      '': { z: 1, a: [[], {}, null, true] },
      constructor: 'x',
    } as unknown as ResourceBody
    await put('odd', body)
    const snapshot = await repository.loadSnapshot('odd')
    assert.equal(ConfigState.from(snapshot).mark.digest, snapshot._meta.digest)
    assert.ok((await put('odd', { ...body, text: 'other' })).changed)
    const after = await repository.loadSnapshot('odd')
    assert.equal(ConfigState.from(after).mark.digest, after._meta.digest)
  })

  for (const [name, text] of [
    ['U+0000', 'a\0b'],
    ['a lone surrogate', 'a\ud800b'],
  ] as const) {
    test(`${name} is refused with the field's name, and nothing is written`, async () => {
      await assert.rejects(put('unsafe', { id: 'r', desc: { deep: [text] } }), (error: Error) => {
        assert.equal((error as { code?: string }).code, 'GW_CONFIG_INVALID')
        assert.match(error.message, /routes\.r\.desc\.deep\.0/)
        return true
      })
      assert.equal(await repository.readHead('unsafe'), undefined)
    })
  }

  test('readers are sent to a snapshot when deltas cannot lead on', async (t) => {
    const { mark: first } = await put('resync', route('a'))
    const { mark: second } = await put('resync', route('b'))
    const resyncFrom = async (mark: RevisionMark) =>
      (await repository.loadDeltas('resync', mark, 100)).resync
    const epoch = '00000000-0000-4000-8000-000000000000'
    const cases = [
      { name: 'epoch', mark: { ...first, epoch } },
      { name: 'ahead', mark: { ...second, revision: 3 } },
      { name: 'digest', mark: { ...first, digest: EMPTY_DIGEST } },
      { name: 'digest', mark: { ...second, digest: EMPTY_DIGEST } },
      { name: undefined, mark: first },
      { name: undefined, mark: second },
    ]
    for (const { name, mark } of cases) {
      await t.test(`${name ?? 'no resync'} at ${mark.revision}`, async () => {
        assert.equal(await resyncFrom(mark), name)
      })
    }
    assert.equal((await repository.loadDeltas('nowhere', first, 1)).resync, 'missing')
  })

  test('the log keeps the last revisions only; a reader from before them resyncs', async () => {
    const short = createConfigRepository(database, { keepRevisions: 3 })
    const marks: RevisionMark[] = []
    for (let i = 0; i < 6; i++) {
      const write = short.write('trim', 'tester', async (tx) =>
        tx.put('routes', 'r', route(`r${i}`)),
      )
      marks.push((await write).mark)
    }
    const resyncs = await Promise.all(
      marks.map(async (mark) => (await short.loadDeltas('trim', mark, 100)).resync),
    )
    assert.deepEqual(resyncs, ['trimmed', 'trimmed', 'trimmed', undefined, undefined, undefined])
    const [row] = await database.query<{ rows: string }>(
      "SELECT count(*) AS rows FROM config_log WHERE group_id = 'trim'",
    )
    assert.equal(row?.rows, '3')
  })

  test('deltas come in batches that follow on each other', async () => {
    const start = (await repository.loadSnapshot('batches'))._meta
    for (let i = 0; i < 7; i++) await put('batches', route(`r${i}`))
    const state = new ConfigState('batches', start)
    const sizes: number[] = []
    for (let more = true; more; ) {
      const result = await repository.loadDeltas('batches', state.mark, 3)
      assert.ok(result.deltas)
      sizes.push(result.deltas.length)
      for (const delta of result.deltas) state.apply(delta)
      more = result.more
    }
    assert.deepEqual(sizes, [3, 3, 1])
  })

  test('revisions too large for deltas lead to a snapshot, those around them are read', async () => {
    const start = (await repository.loadSnapshot('sizes'))._meta
    const sizes = [1, ...Array<number>(8).fill(900), 1001, 2]
    for (const [n, size] of sizes.entries()) {
      await repository.write('sizes', 'tester', async (tx) => {
        for (let i = 0; i < size; i++) tx.put('routes', `r${i}`, route(`r${i}`, `/${n}`))
      })
    }
    let state = new ConfigState('sizes', start)
    const steps: unknown[] = []
    for (let more = true; more; ) {
      const result = await repository.loadDeltas('sizes', state.mark, 200)
      more = result.deltas !== undefined && result.more
      for (const delta of result.deltas ?? []) state.apply(delta)
      steps.push(result.resync ?? state.mark.revision)
      if (result.resync === undefined) continue
      state = ConfigState.from(await repository.loadSnapshot('sizes'))
      assert.equal(state.mark.revision, sizes.length)
    }
    assert.deepEqual(steps, [6, 9, 'large'])
  })

  test('many objects are read with one call, and read no more', async () => {
    await repository.write('prefetch', 'tester', async (tx) => {
      for (let i = 0; i < 3000; i++) tx.put('routes', `r${i}`, route(`r${i}`))
    })
    const { result } = await repository.write('prefetch', 'tester', async (tx) => {
      const keys = Array.from(
        { length: 3001 },
        (_, i) => ({ kind: 'routes', id: `r${i}` }) as const,
      )
      await tx.prefetch(keys)
      return Promise.all(keys.map(({ kind, id }) => tx.get(kind, id)))
    })
    assert.equal(result.filter((found) => found !== undefined).length, 3000)
    assert.equal(result[17]?.body['uri'], '/r17')
  })

  test('a snapshot of many pages is complete', async () => {
    const count = 5000
    await repository.write('large', 'tester', async (tx) => {
      for (let i = 0; i < count; i++) tx.put('routes', `r${i}`, route(`r${i}`))
      for (let i = 0; i < 10; i++) tx.put('upstreams', `u${i}`, { id: `u${i}` })
    })
    const snapshot = await repository.loadSnapshot('large')
    assert.equal(snapshot.routes?.length, count)
    assert.equal(snapshot.upstreams?.length, 10)
    assert.equal(ConfigState.from(snapshot).mark.digest, snapshot._meta.digest)
    assert.equal((await repository.list('large', 'routes')).length, count)
  })
})
