import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import pg from 'pg'
import { parseConnectionTarget } from '../../src/store/connection-target.ts'

/** What a pg client of the first host would use. */
function clientOf(url: string): pg.Client {
  const target = parseConnectionTarget(url)
  const [address] = target.hosts
  assert.ok(address)
  return new pg.Client(target.configFor(address))
}

suite('connection target', () => {
  const lists = [
    { url: 'postgres://u:p@h1/db', hosts: ['h1:5432'] },
    { url: 'postgresql://u:p@h1:6000/db', hosts: ['h1:6000'] },
    {
      url: 'postgres://u:p@h1:5432,h2:5433,[::1]:5434/db?target_session_attrs=read-write',
      hosts: ['h1:5432', 'h2:5433', '[::1]:5434'],
    },
    { url: 'postgres://u:p@h1,h2:5433/db', hosts: ['h1:5432', 'h2:5433'] },
    { url: 'postgres://u@/db?host=h1,h2&port=1,2', hosts: ['h1:1', 'h2:2'] },
    { url: 'postgres://u@/db?host=h1,h2&port=7', hosts: ['h1:7', 'h2:7'] },
    { url: 'postgres://u@%2Fvar%2Frun/db', hosts: ['/var/run:5432'] },
  ]
  for (const { url, hosts } of lists) {
    test(`hosts of ${url}`, () => {
      assert.deepEqual(
        parseConnectionTarget(url).hosts.map(({ label }) => label),
        hosts,
      )
    })
  }

  test('credentials and database are percent-decoded', () => {
    const client = clientOf('postgres://us%40er:p%3A%2F%3F%23%5B%5D%40%25w@h1,h2/my%20db')
    assert.equal(client.user, 'us@er')
    assert.equal(client.password, 'p:/?#[]@%w')
    assert.equal(client.database, 'my db')
  })

  test('an unescaped @ or + in the password is taken as it is', () => {
    assert.equal(clientOf('postgres://u:p@ss+word@h1/db').password, 'p@ss+word')
  })

  test('a host in brackets loses them for the client', () => {
    const client = clientOf('postgres://u:p@[::1]:6000/db')
    assert.equal(client.host, '::1')
    assert.equal(client.port, 6000)
  })

  test('a folder is a Unix socket', () => {
    const client = clientOf('postgres://u:p@%2Fvar%2Frun:6000/db')
    assert.equal(client.host, '/var/run')
    assert.equal(client.port, 6000)
    assert.equal(client.database, 'db')
  })

  test('sslmode is passed on, and means what it means for libpq', () => {
    assert.deepEqual(clientOf('postgres://u:p@h1/db?sslmode=require').ssl, {
      rejectUnauthorized: false,
    })
    assert.deepEqual(clientOf('postgres://u:p@h1/db?sslmode=verify-full').ssl, {})
    assert.equal(clientOf('postgres://u:p@h1/db?sslmode=disable').ssl, false)
  })

  test('connect_timeout is in seconds, and none is none', () => {
    const timeout = (query: string) => parseConnectionTarget(`postgres://h/d?${query}`)
    assert.equal(timeout('connect_timeout=3').connectTimeoutMs, 3000)
    assert.equal(timeout('connect_timeout=0').connectTimeoutMs, undefined)
    assert.equal(timeout('').connectTimeoutMs, undefined)
  })

  const refused = [
    { url: 'mysql://u:secret@h/db', says: /postgres:\/\// },
    { url: 'secret', says: /postgres:\/\// },
    { url: 'postgres://u:secret@h:0/db', says: /port of host 1/ },
    { url: 'postgres://u:secret@h,h2:99999/db', says: /port of host 2/ },
    { url: 'postgres://u:secret@h1:x/db', says: /host 1/ },
    { url: 'postgres://u:secret%@h/db', says: /%25/ },
    { url: 'postgres://u:secret@h/db?target_session_attrs=master', says: /read-write/ },
    { url: 'postgres://u:secret@h/db?connect_timeout=soon', says: /seconds/ },
  ]
  for (const { url, says } of refused) {
    test(`refused without a word of the password: ${says.source}`, () => {
      assert.throws(
        () => parseConnectionTarget(url),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, 'GW_SETTINGS_INVALID')
          assert.match(error.message, says)
          assert.doesNotMatch(error.message, /secret/)
          return true
        },
      )
    })
  }
})
