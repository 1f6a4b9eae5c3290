import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, before, suite, type TestContext, test } from 'node:test'
import { parseConnectionTarget } from '../../src/store/connection-target.ts'
import { retryDelayMs } from '../../src/store/failure.ts'
import { electHost } from '../../src/store/host-election.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'

const SLOW_MS = 4_000

/** Refuses every password, as PostgreSQL does. */
async function refusingServer(t: TestContext): Promise<string> {
  const fields = 'SFATAL\0C28P01\0Mpassword authentication failed\0\0'
  const length = Buffer.alloc(4)
  length.writeInt32BE(4 + fields.length)
  const answer = Buffer.concat([Buffer.from('E'), length, Buffer.from(fields)])
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(answer))
  })
  t.after(() => void server.close())
  return listen(server)
}

async function deadServer(): Promise<string> {
  const server = createServer()
  const address = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  return address
}

async function listen(server: ReturnType<typeof createServer>): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return `127.0.0.1:${address.port}`
}

suite('host election', () => {
  let database: TestDatabase
  before(async () => {
    database = await createTestDatabase()
  })
  after(() => database.drop())

  /** How long to wait after an election among these hosts, none of which is a standby. */
  async function delayAfter(hosts: string[]): Promise<number> {
    const { host } = new URL(database.url)
    const url = `${database.url.replace(host, hosts.join(','))}?target_session_attrs=standby`
    const options = { connectTimeoutMs: 1_000, applicationName: 'test' }
    const error = await electHost(parseConnectionTarget(url), options).catch((e: unknown) => e)
    assert.ok(error instanceof Error)
    return retryDelayMs(error, 0)
  }

  test('wrong credentials are not tried again soon', async (t) => {
    assert.ok((await delayAfter([await refusingServer(t)])) >= SLOW_MS)
    assert.ok((await delayAfter([await deadServer(), await refusingServer(t)])) >= SLOW_MS)
  })

  test('but a server that only has the wrong role is: it may be promoted', async (t) => {
    const { host } = new URL(database.url)
    assert.ok((await delayAfter([await refusingServer(t), host])) < SLOW_MS)
  })
})
