import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import pino from 'pino'
import { ConfigState } from '../../src/model/config-state.ts'
import type { RevisionMark } from '../../src/model/revision.ts'
import { type ConfigRepository, createConfigRepository } from '../../src/store/config-repository.ts'
import { createDatabase, type Database } from '../../src/store/database.ts'
import { createRevisionLog, type RevisionLog } from '../../src/store/revision-log.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'

const log = pino({ level: 'silent' })
const KEEP = 5

suite('revision log', () => {
  let testDatabase: TestDatabase
  let database: Database
  let repository: ConfigRepository
  let history: RevisionLog
  before(async () => {
    testDatabase = await createTestDatabase()
    database = createDatabase({ url: testDatabase.url, log })
    repository = createConfigRepository(database, { keepRevisions: KEEP })
    history = createRevisionLog(database)
  })
  after(async () => {
    await database.stop()
    await testDatabase.drop()
  })

  const put = (group: string, id: string, uri: string, actor = 'anna') =>
    repository.write(group, actor, async (tx) => tx.put('routes', id, { id, uri }))

  test('a revision knows what was there before and after it', async () => {
    await put('g', 'a', '/1')
    await put('g', 'a', '/2', 'ben')
    await repository.write('g', 'cleo', async (tx) => {
      await tx.delete('routes', 'a')
      tx.put('routes', 'b', { id: 'b' })
    })
    const routes = { kind: 'routes' as const, id: 'a' }
    assert.deepEqual(await history.changes('g', 1), [
      { seq: 0, ...routes, before: undefined, after: { id: 'a', uri: '/1' } },
    ])
    assert.deepEqual(await history.changes('g', 2), [
      { seq: 0, ...routes, before: { id: 'a', uri: '/1' }, after: { id: 'a', uri: '/2' } },
    ])
    assert.deepEqual(await history.changes('g', 3), [
      { seq: 0, ...routes, before: { id: 'a', uri: '/2' }, after: undefined },
      { seq: 1, kind: 'routes', id: 'b', before: undefined, after: { id: 'b' } },
    ])
    const [second] = await history.changes('g', 3, { after: 0, limit: 1 })
    assert.equal(second?.id, 'b')
    const summaries = await history.list('g', { limit: 2 })
    assert.deepEqual(
      summaries.map(({ revision, actor, changes }) => [revision, actor, changes]),
      [
        [3, 'cleo', 2],
        [2, 'ben', 1],
      ],
    )
    const older = await history.list('g', { before: 2, limit: 2 })
    assert.deepEqual(older, [await history.get('g', 1)])
  })

  test('the past can be restored as far as the log reaches, however old the objects are', async () => {
    await put('past', 'old', '/old')
    for (let n = 0; n < KEEP * 2; n++) await put('past', 'other', `/${n}`)
    await put('past', 'old', '/new')
    const extent = await history.extent('past')
    assert.equal(extent?.head.revision, KEEP * 2 + 2)
    assert.equal(extent?.oldest, KEEP + 3)

    const restore = (revision: number) =>
      repository.write('past', 'restorer', (tx) => tx.restore(revision))
    assert.equal((await restore(KEEP + 2)).result, undefined, 'trimmed')
    assert.equal((await restore(KEEP * 2 + 3)).result, undefined, 'not written yet')
    assert.equal((await restore(KEEP * 2 + 2)).changed, false)
    const digest = (await history.get('past', KEEP * 2))?.digest
    const restored = await restore(KEEP * 2)
    assert.deepEqual(restored.result, [
      { kind: 'routes', id: 'old', op: 'put' },
      { kind: 'routes', id: 'other', op: 'put' },
    ])
    assert.equal(restored.mark.digest, digest)
    assert.equal(restored.mark.revision, KEEP * 2 + 3)
    assert.equal((await repository.get('past', 'routes', 'old'))?.body['uri'], '/old')
  })

  test('any revision that is kept can be restored, whatever came before and after it', async () => {
    const marks: RevisionMark[] = []
    // Not at random: a failure shall fail again. Puts and deletes of 4 objects, in no simple order.
    for (let n = 1; n <= 60; n++) {
      const id = `r${((n * n) % 7) % 4}`
      const { mark } = await repository.write('any', 'x', async (tx) => {
        if (n % 3 === 0) await tx.delete('routes', id)
        tx.put('routes', 'always', { id: 'always', uri: `/${n}` })
        if (n % 3 !== 0) tx.put('routes', id, { id, uri: `/${n}` })
      })
      marks.push(mark)
      if (n % 5 !== 0) continue
      const back = marks.at(-1 - (n % (KEEP - 1))) as RevisionMark
      const restored = await repository.write('any', 'x', (tx) => tx.restore(back.revision))
      assert.equal(restored.mark.digest, back.digest, `revision ${back.revision}`)
      const { _meta, ...bodies } = await repository.loadSnapshot('any')
      assert.equal(ConfigState.from({ _meta, ...bodies }).mark.digest, back.digest)
      marks.push(restored.mark)
    }
  })

  test('digests are told of the revisions that the log has', async () => {
    const first = await put('digests', 'a', '/1')
    const second = await put('digests', 'a', '/2')
    assert.deepEqual(
      await history.digests('digests', [1, 2, 3]),
      new Map([
        [1, first.mark.digest],
        [2, second.mark.digest],
      ]),
    )
  })
})
