import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import pg from 'pg'
import { createTestDatabase } from '../helpers/postgres.ts'
import { startControl, startGateway, temporaryFolder, until } from '../helpers/stack.ts'
import { startNode } from '../helpers/upstream-node.ts'
import { certificateFor } from '../model/schemas/certificates.ts'

const newKey = (id: string) => `${id}:${randomBytes(32).toString('base64')}`

/** All rows of all tables, as text. */
async function dumpDatabase(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const tables = await client.query(
      "SELECT tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
    )
    const rows: string[] = []
    for (const { tablename } of tables.rows) {
      const result = await client.query(`SELECT t::text AS row FROM ${tablename} t`)
      rows.push(...result.rows.map(({ row }) => `${tablename}: ${row}`))
    }
    return rows.join('\n')
  } finally {
    await client.end()
  }
}

async function readAll(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const texts = files.map((file) => readFile(join(file.parentPath, file.name), 'latin1'))
  return (await Promise.all(texts)).join('\n')
}

suite('secrets at rest', () => {
  test('a secret is nowhere but in the memory of the workers', async (t) => {
    const { url: databaseUrl } = await createTestDatabase(t)
    const keyring = { HOLDFAST_KEYRING: newKey('k1'), HOLDFAST_LOG_LEVEL: 'trace' }
    const control = await startControl(t, databaseUrl, keyring)
    const gateway = await startGateway(t, { databaseUrl, env: keyring })
    const node = await startNode(t)
    const certificate = certificateFor('canary.test')
    const canary = certificate.key.split('\n')[1] ?? ''
    assert.ok(canary.length > 40)

    const answers = [
      await control.admin('PUT', '/ssls/1', { ...certificate, sni: 'canary.test' }),
      await control.admin('PATCH', '/ssls/1', { labels: { patched: 'yes' } }),
      await control.admin('PUT', '/ssls/2', {
        ...certificate,
        sni: 'x',
        key: `${canary}\n`.repeat(3),
      }),
      await control.admin('GET', '/ssls/1'),
      await control.admin('GET', '/ssls'),
      await control.admin('PUT', '/secrets/vault/1', {
        ...{ uri: 'http://127.0.0.1:8200', prefix: 'kv', token: canary },
      }),
      await control.admin('GET', '/secrets'),
    ]
    assert.deepEqual(
      answers.map(({ status }) => status),
      [201, 200, 400, 200, 200, 201, 200],
    )
    // Objects of all kinds travel, whether anything serves them or not.
    for (const [path, body] of [
      ['/protos/1', { content: 'syntax = "proto3";' }],
      ['/stream_routes/1', { upstream: { nodes: { [node.address]: 1 } } }],
      ['/consumers/jack', { username: 'jack' }],
      ['/consumers/jack/credentials/one', { desc: 'none yet' }],
    ] as const) {
      assert.equal((await control.admin('PUT', path, body)).status, 201, path)
    }
    const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
    await control.admin('PUT', '/routes/1', { uri: '/', upstream })
    await until(async () => (await fetch(`${gateway.url}/`)).ok)
    const sync = await gateway.sync()
    assert.deepEqual(sync.quarantined, [])
    assert.ok(sync.workers.every(({ digest }: { digest: string }) => digest === sync.digest))
    const metrics = await (await fetch(`${gateway.metricsUrl}/metrics`)).text()
    await control.stop()
    await gateway.stop()

    const database = await dumpDatabase(databaseUrl)
    const backup = await readAll(gateway.dataDir)
    const logs = [control, gateway].flatMap(({ lines, stderr }) => [
      JSON.stringify(lines),
      stderr(),
    ])
    const places = { database, backup, logs, answers, sync, metrics }
    for (const [place, content] of Object.entries(places)) {
      const text = typeof content === 'string' ? content : JSON.stringify(content)
      assert.ok(!text.includes(canary), `the secret is in: ${place}`)
      assert.ok(!text.includes(keyring.HOLDFAST_KEYRING.slice(3)), `the key is in: ${place}`)
    }
    for (const stored of [database, backup]) assert.match(stored, /\$aes256gcm\$k1\$/)
    assert.doesNotMatch(logs.join(''), /aes256gcm/)
  })

  test('a key that is missing costs one object; the right keyring brings it back', async (t) => {
    const { url: databaseUrl } = await createTestDatabase(t)
    const [old, fresh] = [newKey('old'), newKey('new')]
    const node = await startNode(t)
    const control = await startControl(t, databaseUrl, { HOLDFAST_KEYRING: old })
    const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
    await control.admin('PUT', '/routes/1', { uri: '/', upstream })
    await control.admin('PUT', '/ssls/1', { ...certificateFor('a.test'), sni: 'a.test' })

    const dataDir = await temporaryFolder(t)
    const start = (keys: string) =>
      startGateway(t, { databaseUrl, dataDir, workers: 1, env: { HOLDFAST_KEYRING: keys } })
    const without = await start(fresh)
    assert.equal((await fetch(`${without.url}/`)).status, 200)
    const { quarantined } = await without.sync()
    assert.equal(quarantined.length, 1)
    assert.equal(`${quarantined[0].kind}/${quarantined[0].id}`, 'ssls/1')
    assert.match(quarantined[0].reason, /key \[old\], which is not in the keyring/)
    assert.equal(await without.stop(), 0)

    const rotated = await start(`${fresh},${old}`)
    await until(async () => (await rotated.sync()).quarantined.length === 0)
    assert.equal((await fetch(`${rotated.url}/`)).status, 200)
  })
})
