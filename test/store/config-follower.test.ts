import assert from 'node:assert/strict'
import { after, before, suite, type TestContext, test } from 'node:test'
import pino from 'pino'
import { ConfigState } from '../../src/model/config-state.ts'
import type { Delta, RevisionMark } from '../../src/model/revision.ts'
import type { Snapshot } from '../../src/model/snapshot.ts'
import { type ChangeFeed, createChangeFeed } from '../../src/store/change-feed.ts'
import {
  type ConfigFollower,
  createConfigFollower,
  type FollowerState,
} from '../../src/store/config-follower.ts'
import { type ConfigRepository, createConfigRepository } from '../../src/store/config-repository.ts'
import { createDatabase, type Database } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrations.ts'
import { createTestDatabase, startTestPostgres, type TestDatabase } from '../helpers/postgres.ts'

const log = pino({ level: 'silent' })
const DEADLINE_MS = 30_000

/** Keeps a state by what a follower delivers, and lets tests wait for it. */
class Reader {
  state: ConfigState | undefined
  readonly causes: string[] = []
  readonly states: FollowerState[] = []
  deltas = 0
  readonly deliveredAt = new Map<number, number>()
  readonly #waiting = new Set<() => void>()

  onSnapshot(snapshot: Snapshot, cause: string): void {
    this.state = ConfigState.from(snapshot)
    this.causes.push(cause)
    this.#changed()
  }

  onDelta(delta: Delta): void {
    assert.ok(this.state)
    this.state.apply(delta)
    this.deltas++
    this.deliveredAt.set(delta.to.revision, performance.now())
    this.#changed()
  }

  onState(state: FollowerState): void {
    this.states.push(state)
    this.#changed()
  }

  /** Resolves once `condition` holds; milliseconds it took. */
  async until(condition: (reader: Reader) => boolean): Promise<number> {
    const startedAt = performance.now()
    let check = () => {}
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve, reject) => {
      check = () => condition(this) && resolve()
      timer = setTimeout(() => reject(new Error('waited too long for the follower')), DEADLINE_MS)
      this.#waiting.add(check)
      check()
    }).finally(() => {
      clearTimeout(timer)
      this.#waiting.delete(check)
    })
    return performance.now() - startedAt
  }

  reached(mark: RevisionMark): Promise<number> {
    return this.until(
      ({ state }) => state?.mark.revision === mark.revision && state.mark.epoch === mark.epoch,
    )
  }

  #changed(): void {
    for (const check of this.#waiting) check()
  }
}

interface Side {
  database: Database
  repository: ConfigRepository
  feed: ChangeFeed
  follow(
    group: string,
    from?: RevisionMark,
    options?: { pollMs?: number; onDelta?: (delta: Delta) => void },
  ): { reader: Reader; follower: ConfigFollower }
  put(group: string, id: string): Promise<RevisionMark>
}

function open(t: Pick<TestContext, 'after'>, url: string): Side {
  const database = createDatabase({ url, log })
  const repository = createConfigRepository(database)
  const feed = createChangeFeed({ url, log, heartbeatMs: 300, heartbeatDeadlineMs: 500 })
  const followers: ConfigFollower[] = []
  feed.start()
  t.after(async () => {
    await Promise.all(followers.map((follower) => follower.stop()))
    await feed.stop()
    await database.stop()
  })
  return {
    database,
    repository,
    feed,
    follow(group, from, { pollMs, onDelta } = {}) {
      const reader = new Reader()
      const follower = createConfigFollower({
        ...{ repository, feed, database, group, log },
        ...(pollMs !== undefined && { pollMs }),
      })
      followers.push(follower)
      follower.start(from, {
        onSnapshot: (snapshot, cause) => reader.onSnapshot(snapshot, cause),
        onDelta(delta) {
          onDelta?.(delta)
          reader.onDelta(delta)
        },
        onState: (state) => reader.onState(state),
      })
      return { reader, follower }
    },
    async put(group, id) {
      const body = { id, uri: `/${id}/${Math.random()}` }
      return (await repository.write(group, 'test', async (tx) => tx.put('routes', id, body))).mark
    },
  }
}

function listening(feed: ChangeFeed): Promise<void> {
  if (feed.state === 'listening') return Promise.resolve()
  return new Promise((resolve) => {
    const off = feed.onHint((hint) => {
      if (hint !== 'reconnected') return
      off()
      resolve()
    })
  })
}

function percentile(values: number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? Number.NaN
}

suite('config follower', () => {
  let testDatabase: TestDatabase
  before(async () => {
    testDatabase = await createTestDatabase()
  })
  after(() => testDatabase.drop())

  test('delivers a snapshot, then every write as a delta, soon after its commit', async (t) => {
    const side = open(t, testDatabase.url)
    await side.put('lag', 'first')
    const { reader } = side.follow('lag', undefined, { pollMs: 60_000 })
    await reader.until(({ state }) => state !== undefined)
    await listening(side.feed)
    const lags: number[] = []
    for (let i = 0; i < 200; i++) {
      const mark = await side.put('lag', `r${i % 20}`)
      const committedAt = performance.now()
      await reader.reached(mark)
      lags.push((reader.deliveredAt.get(mark.revision) ?? Number.NaN) - committedAt)
    }
    assert.deepEqual(reader.causes, ['initial'])
    assert.equal(reader.deltas, 200)
    t.diagnostic(
      `lag from commit to delivery: p50 ${percentile(lags, 0.5).toFixed(1)} ms, ` +
        `p99 ${percentile(lags, 0.99).toFixed(1)} ms`,
    )
  })

  test('goes on from a given revision without a snapshot', async (t) => {
    const side = open(t, testDatabase.url)
    const from = await side.put('from', 'a')
    const to = await side.put('from', 'b')
    const state = new ConfigState('from', from)
    for (const { body } of await side.repository.list('from', 'routes')) {
      if (body.id === 'a') state.load('routes', body)
    }
    const reader = new Reader()
    reader.state = state
    const { database, repository, feed } = side
    const follower = createConfigFollower({ repository, feed, database, group: 'from', log })
    t.after(() => follower.stop())
    follower.start(from, reader)
    await reader.reached(to)
    assert.deepEqual(reader.causes, [])
  })

  test('a hint that is lost costs at most the poll', async (t) => {
    const side = open(t, testDatabase.url)
    const writer = open(t, testDatabase.url)
    const { reader } = side.follow('lost', undefined, { pollMs: 500 })
    await reader.until(({ state }) => state !== undefined)
    await side.feed.stop()
    const mark = await writer.put('lost', 'a')
    const tookMs = await reader.reached(mark)
    assert.ok(tookMs < 1000, `took ${tookMs} ms`)
  })

  test('writes while the subscription is being killed all arrive', async (t) => {
    const side = open(t, testDatabase.url)
    const { reader } = side.follow('kill')
    await listening(side.feed)
    let last: RevisionMark | undefined
    for (let i = 0; i < 20; i++) {
      await side.database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE application_name = 'holdfast subscription' AND datname = current_database()`,
      )
      last = await side.put('kill', `r${i}`)
    }
    assert.ok(last)
    await reader.reached(last)
    assert.equal(reader.state?.mark.digest, last.digest)
    assert.deepEqual(reader.causes, ['initial'])
  })

  test('a flood of hints leads to few reads, and the state is exact', async (t) => {
    const side = open(t, testDatabase.url)
    const first = await side.put('flood', 'a')
    let reads = 0
    const counting: ConfigRepository = {
      ...side.repository,
      loadDeltas(...args) {
        reads++
        return side.repository.loadDeltas(...args)
      },
    }
    const { database, feed } = side
    const follower = createConfigFollower({
      ...{ repository: counting, feed, database, group: 'flood', log },
    })
    t.after(() => follower.stop())
    const reader = new Reader()
    follower.start(undefined, reader)
    await reader.reached(first)
    await listening(feed)
    const startedAt = performance.now()
    await database.query(
      `SELECT pg_notify('holdfast_config', json_build_object('group', 'flood', 'revision', n)::text)
         FROM generate_series(1000, 3000) n`,
    )
    const last = await side.put('flood', 'b')
    await reader.reached(last)
    const elapsedMs = performance.now() - startedAt
    assert.ok(reads <= 3 + elapsedMs / 10, `${reads} reads in ${elapsedMs} ms`)
    assert.equal(reader.state?.mark.digest, last.digest)
  })

  test('another epoch leads to a snapshot', async (t) => {
    const side = open(t, testDatabase.url)
    await side.put('epoch', 'a')
    const { reader } = side.follow('epoch', undefined, { pollMs: 300 })
    await reader.until(({ state }) => state !== undefined)
    await side.database.query(
      "UPDATE config_head SET epoch = gen_random_uuid() WHERE group_id = 'epoch'",
    )
    await reader.until(({ causes }) => causes.length === 2)
    assert.deepEqual(reader.causes, ['initial', 'epoch'])
    await reader.reached(await side.put('epoch', 'b'))
  })

  test('a delta that the listener rejects is replaced by a snapshot', async (t) => {
    const side = open(t, testDatabase.url)
    const { reader } = side.follow('reject', undefined, {
      onDelta(delta) {
        if (delta.to.revision === 2) throw new Error('does not fit')
      },
    })
    await reader.until(({ state }) => state !== undefined)
    await side.put('reject', 'a')
    await side.put('reject', 'b')
    await reader.reached(await side.put('reject', 'c'))
    assert.deepEqual(reader.causes, ['initial', 'rejected'])
  })

  test('a restart of PostgreSQL, with writes on both sides of it, loses nothing', async (t) => {
    const server = await startTestPostgres(t, { synchronous_commit: 'on' })
    const side = open(t, server.url)
    await migrate(side.database, log)
    const { reader } = side.follow('restart')
    await reader.reached(await side.put('restart', 'a'))
    for (let round = 0; round < 3; round++) {
      await (round === 1 ? server.kill() : server.stop())
      await reader.until(({ states }) => states.at(-1)?.connected === false)
      assert.match(reader.states.at(-1)?.reason ?? '', /127\.0\.0\.1:\d+ /)
      await server.start()
      const writer = open(t, server.url)
      const mark = await writer.put('restart', `r${round}`)
      const tookMs = await reader.reached(mark)
      assert.ok(tookMs < 4000, `took ${tookMs} ms`)
      await listening(side.feed)
    }
    assert.deepEqual(reader.causes, ['initial'])
    assert.equal(reader.states.at(-1)?.connected, true)
  })

  test('a frozen PostgreSQL is noticed, and followed again when it thaws', async (t) => {
    const server = await startTestPostgres(t)
    const side = open(t, server.url)
    await migrate(side.database, log)
    const { reader } = side.follow('freeze', undefined, { pollMs: 500 })
    await reader.reached(await side.put('freeze', 'a'))
    await listening(side.feed)
    await server.freeze()
    const noticedMs = await reader.until(({ states }) => states.at(-1)?.connected === false)
    assert.ok(noticedMs < 4000, `noticed after ${noticedMs} ms`)
    await server.thaw()
    await reader.until(({ states }) => states.at(-1)?.connected === true)
    await reader.reached(await side.put('freeze', 'b'))
    await listening(side.feed)
    assert.deepEqual(reader.causes, ['initial'])
  })
})
