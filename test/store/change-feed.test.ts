import assert from 'node:assert/strict'
import { after, before, suite, type TestContext, test } from 'node:test'
import pino from 'pino'
import {
  type ChangeFeed,
  type ChangeFeedOptions,
  createChangeFeed,
  type Hint,
} from '../../src/store/change-feed.ts'
import { createDatabase, type Database } from '../../src/store/database.ts'
import { createTestDatabase, startTestPostgres, type TestDatabase } from '../helpers/postgres.ts'
import { until } from '../helpers/stack.ts'

const silent = pino({ level: 'silent' })
const HEARTBEAT = { heartbeatMs: 200, heartbeatDeadlineMs: 400 }

interface Heard {
  feed: ChangeFeed
  hints: (Hint | 'reconnected')[]
  /** Resolves when the next hint that fits has come. */
  next(fits: (hint: Hint | 'reconnected') => boolean): Promise<void>
}

function listen(
  t: Pick<TestContext, 'after'>,
  url: string,
  options: Partial<ChangeFeedOptions> = {},
): Heard {
  const feed = createChangeFeed({ url, log: silent, ...options })
  const hints: Heard['hints'] = []
  feed.onHint((hint) => hints.push(hint))
  t.after(() => feed.stop())
  return {
    feed,
    hints,
    next: (fits) =>
      new Promise((resolve) => {
        const off = feed.onHint((hint) => {
          if (!fits(hint)) return
          off()
          resolve()
        })
      }),
  }
}

const isReconnect = (hint: Hint | 'reconnected') => hint === 'reconnected'

suite('change feed', () => {
  let shared: TestDatabase
  let database: Database
  before(async () => {
    shared = await createTestDatabase()
    database = createDatabase({ url: shared.url, log: silent })
  })
  after(async () => {
    await database.stop()
    await shared.drop()
  })

  const notify = (payload: string) =>
    database.query('SELECT pg_notify($1, $2)', ['holdfast_config', payload])

  test('passes hints on, and nothing else that somebody may send', async (t) => {
    const heard = listen(t, shared.url)
    const ready = heard.next(isReconnect)
    heard.feed.start()
    await ready
    assert.equal(heard.feed.state, 'listening')
    const last = heard.next((hint) => hint !== 'reconnected' && hint.revision === 2)
    for (const payload of ['', 'nonsense', '{}', '{"group":1,"revision":"x"}', 'null', '[]']) {
      await notify(payload)
    }
    await notify('{"group":"g","revision":1}')
    await notify('{"group":"g","revision":2,"more":true}')
    await last
    assert.deepEqual(heard.hints, [
      'reconnected',
      { group: 'g', revision: 1 },
      { group: 'g', revision: 2 },
    ])
  })

  test('reconnects each time its connection is killed', async (t) => {
    const heard = listen(t, shared.url, { applicationName: 'victim' })
    const ready = heard.next(isReconnect)
    heard.feed.start()
    await ready
    for (let i = 0; i < 12; i++) {
      const again = heard.next(isReconnect)
      await database.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'",
      )
      await again
    }
    const [row] = await database.query<{ open: number }>(
      "SELECT count(*)::int AS open FROM pg_stat_activity WHERE application_name = 'victim'",
    )
    assert.equal(row?.open, 1)
  })

  test('a server that is frozen is noticed by the heartbeat', async (t) => {
    const server = await startTestPostgres(t)
    const heard = listen(t, server.url, HEARTBEAT)
    const ready = heard.next(isReconnect)
    heard.feed.start()
    await ready
    await server.freeze()
    const startedAt = performance.now()
    await until(() => heard.feed.state !== 'listening')
    assert.ok(performance.now() - startedAt < 1500)
    const again = heard.next(isReconnect)
    await server.thaw()
    await again
  })

  test('goes to the host that is there', async (t) => {
    const server = await startTestPostgres(t)
    const { host } = new URL(server.url)
    const dead = listen(t, server.url.replace(host, `127.0.0.1:1,${host}`))
    const ready = dead.next(isReconnect)
    dead.feed.start()
    await ready
    assert.equal(dead.feed.state, 'listening')
  })

  test('tells an outage once, without the password', async (t) => {
    const lines: string[] = []
    const log = pino({ level: 'info' }, { write: (line) => void lines.push(line) })
    const wrong = new URL(shared.url)
    wrong.password = 'canary-password'
    const { feed } = listen(t, wrong.href, { log })
    feed.start()
    await until(() => lines.length > 0)
    assert.match(lines[0] ?? '', /refuses the user name or password/)
    assert.doesNotMatch(lines.join(), /canary/)
  })

  test('stops while connecting, and starts again', async (t) => {
    const heard = listen(t, shared.url)
    heard.feed.start()
    await heard.feed.stop()
    assert.deepEqual(heard.hints, [])
    assert.equal(heard.feed.state, 'stopped')
    const ready = heard.next(isReconnect)
    heard.feed.start()
    await ready
    await heard.feed.stop()
    await heard.feed.stop()
  })
})
