import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import pino from 'pino'
import type { ResourceBody, ResourceKind } from '../../src/model/resource-kind.ts'
import { referencesOf } from '../../src/model/resource-references.ts'
import { type ConfigRepository, createConfigRepository } from '../../src/store/config-repository.ts'
import { createDatabase, type Database } from '../../src/store/database.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'

const log = pino({ level: 'silent' })
const tls = { client_cert_id: 'c1' }

const objects: [ResourceKind, ResourceBody, string[]][] = [
  ['routes', { id: 'plain', uri: '/' }, []],
  ['routes', { id: 'number', upstream_id: 7, service_id: 's' }, ['upstreams/7', 'services/s']],
  ['routes', { id: 'config', plugin_config_id: 'p' }, ['plugin_configs/p']],
  ['routes', { id: 'inline', upstream: { tls } }, ['ssls/c1']],
  ['upstreams', { id: 'u', tls }, ['ssls/c1']],
  ['services', { id: 's', upstream_id: 'u' }, ['upstreams/u']],
  ['consumers', { username: 'jack', group_id: 'g' }, ['consumer_groups/g']],
  ['credentials', { id: 'jack/credentials/one' }, ['consumers/jack']],
  ['stream_routes', { id: '2', protocol: { superior_id: 1 } }, ['stream_routes/1']],
  ['plugin_metadata', { id: 'x', upstream_id: 'no' }, []],
  [
    'global_rules',
    {
      id: 'split',
      plugins: {
        'grpc-transcode': { proto_id: 3 },
        'traffic-split': {
          rules: [
            { weighted_upstreams: [{ upstream_id: 'a' }, { weight: 1 }, { upstream: { tls } }] },
            { weighted_upstreams: [{ upstream_id: 8 }] },
          ],
        },
      },
    },
    ['protos/3', 'ssls/c1', 'upstreams/8', 'upstreams/a'],
  ],
]

suite('references in the store', () => {
  let testDatabase: TestDatabase
  let database: Database
  let repository: ConfigRepository
  before(async () => {
    testDatabase = await createTestDatabase()
    database = createDatabase({ url: testDatabase.url, log })
    repository = createConfigRepository(database)
  })
  after(async () => {
    await database.stop()
    await testDatabase.drop()
  })

  const idOf = (body: ResourceBody) => String(body.id ?? body['username'])
  const sorted = (names: Iterable<string>) => [...names].sort()

  test('the model and the database find the same', async () => {
    await repository.write('rules', 'tester', async (tx) => {
      for (const [kind, body] of objects) tx.put(kind, idOf(body), body)
    })
    for (const [kind, body, expected] of objects) {
      const inModel = referencesOf(kind, body).map((to) => `${to.kind}/${to.id}`)
      assert.deepEqual(sorted(inModel), sorted(expected), `${kind}/${idOf(body)}`)
      const [row] = await database.query<{ refers_to: string[] | null }>(
        `SELECT refers_to FROM config_resource WHERE group_id = 'rules' AND kind = $1 AND id = $2`,
        [kind, idOf(body)],
      )
      assert.deepEqual(sorted(row?.refers_to ?? []), sorted(expected), `${kind}/${idOf(body)}`)
    }
  })

  test('a transaction sees the references that it makes and ends itself', async () => {
    await repository.write('pending', 'tester', async (tx) => {
      tx.put('routes', 'old', { id: 'old', upstream_id: 'u' })
      tx.put('routes', 'moved', { id: 'moved', upstream_id: 'u' })
    })
    await repository.write('pending', 'tester', async (tx) => {
      const target = [{ kind: 'upstreams', id: 'u' }] as const
      const names = async () => sorted((await tx.referrers(target)).map(({ id }) => id))
      assert.deepEqual(await names(), ['moved', 'old'])
      assert.equal((await tx.referrers(target, 1)).length, 1)
      tx.put('services', 'new', { id: 'new', upstream_id: 'u' })
      tx.put('routes', 'moved', { id: 'moved', upstream_id: 'other' })
      assert.deepEqual(await names(), ['new', 'old'])
      await tx.delete('routes', 'old')
      await tx.delete('services', 'new')
      assert.deepEqual(await names(), [])
    })
  })

  test('who refers to an object is looked up by an index', async () => {
    await database.query(
      `INSERT INTO config_resource (group_id, kind, id, body, created_revision, revision)
       SELECT 'many', 'routes', n::text, jsonb_build_object('id', n::text, 'upstream_id', (n % 500)::text), 1, 1
         FROM generate_series(1, 5000) n`,
    )
    await database.query('ANALYZE config_resource')
    const plan = await database.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN SELECT kind, id FROM config_resource
        WHERE group_id = 'many' AND refers_to && ARRAY['upstreams/7'] LIMIT 1`,
    )
    const text = plan.map((line) => line['QUERY PLAN']).join('\n')
    assert.match(text, /config_resource_refers_to/)
  })
})
