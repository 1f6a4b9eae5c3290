import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import pino from 'pino'
import { createChangeFeed } from '../../src/store/change-feed.ts'
import { createDatabase } from '../../src/store/database.ts'
import { startPostgresPair } from '../helpers/postgres-cluster.ts'
import { until } from '../helpers/stack.ts'

suite('split brain', () => {
  test('connections move to the promoted standby while the old primary lives on', async (t) => {
    const pair = await startPostgresPair(t)
    const lines: { msg: string; reason?: string }[] = []
    const log = pino({ level: 'warn' }, { write: (line) => void lines.push(JSON.parse(line)) })
    const database = createDatabase({ url: pair.url, log })
    t.after(() => database.stop())
    const feed = createChangeFeed({ url: pair.url, log, heartbeatMs: 200 })
    t.after(() => feed.stop())
    feed.start()
    const host = async () => {
      const [row] = await database.query<{ port: number }>('SELECT inet_server_port() AS port')
      return row?.port
    }
    assert.equal(await host(), pair.primary.port)
    await until(() => feed.state === 'listening')
    await pair.promote()
    assert.equal(await host(), pair.primary.port)
    await until(async () => (await host()) === pair.standby.port)
    const left = `127.0.0.1:${pair.primary.port} was left behind by a promotion`
    await until(() => lines.some((line) => line.msg === 'subscription lost'))
    for (const msg of ['database host not used', 'database unavailable', 'subscription lost']) {
      const told = lines.filter((line) => line.msg === msg)
      assert.equal(told.length, 1, msg)
      assert.equal(told[0]?.reason?.slice(0, left.length), left)
    }
    await until(() => feed.state === 'listening')
    assert.equal(database.state.status, 'up')
  })
})
