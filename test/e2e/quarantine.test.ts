import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import pg from 'pg'
import { ContentDigest } from '../../src/model/digest.ts'
import type { ResourceBody } from '../../src/model/resource-kind.ts'
import { startStack, until } from '../helpers/stack.ts'
import { startNode } from '../helpers/upstream-node.ts'

/** Writes a route past the Admin API, as a stray script or a newer control plane might. */
async function writePastAdminApi(
  databaseUrl: string,
  id: string,
  body: ResourceBody,
): Promise<void> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    await client.query('BEGIN')
    const head = await client.query(
      "SELECT revision, digest FROM config_head WHERE group_id = 'default' FOR UPDATE",
    )
    const old = await client.query(
      "SELECT body FROM config_resource WHERE group_id = 'default' AND kind = 'routes' AND id = $1",
      [id],
    )
    const digest = new ContentDigest(head.rows[0].digest)
    if (old.rows[0] !== undefined) digest.remove('routes', id, old.rows[0].body)
    digest.add('routes', id, body)
    const revision = Number(head.rows[0].revision) + 1
    await client.query(
      `INSERT INTO config_resource (group_id, kind, id, body, created_revision, revision)
       VALUES ('default', 'routes', $1, $2, $3, $3)
       ON CONFLICT (group_id, kind, id) DO UPDATE SET body = $2, revision = $3`,
      [id, body, revision],
    )
    await client.query(
      `INSERT INTO config_log (group_id, revision, seq, kind, id, op, body, digest, actor, at)
       VALUES ('default', $1, 1, 'routes', $2, 'put', $3, $4, 'stray', now())`,
      [revision, id, body, digest.toString()],
    )
    await client.query(
      "UPDATE config_head SET revision = $1, digest = $2 WHERE group_id = 'default'",
      [revision, digest.toString()],
    )
    await client.query('COMMIT')
  } finally {
    await client.end()
  }
}

suite('an object that breaks its schema', () => {
  test('is quarantined alone, without a NOTIFY, while its last good version serves', async (t) => {
    const { databaseUrl, control, gateway } = await startStack(t)
    const node = await startNode(t)
    const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
    await control.admin('PUT', '/routes/1', { uri: '/one', upstream })
    await until(async () => (await fetch(`${gateway.url}/one`)).ok)

    await writePastAdminApi(databaseUrl, '1', { id: '1', uri: 7, upstream })
    await until(async () => (await gateway.sync()).revision === 2)
    const { quarantined, workers } = await gateway.sync()
    assert.equal(quarantined.length, 1)
    assert.equal(quarantined[0].id, '1')
    assert.match(quarantined[0].reason, /uri/)
    assert.ok(workers.every((worker: { serving: boolean }) => worker.serving))
    assert.equal((await fetch(`${gateway.url}/one`)).status, 200, 'the last good version serves')

    await control.admin('PUT', '/routes/2', { uri: '/two', upstream })
    await until(async () => (await fetch(`${gateway.url}/two`)).ok)
    await control.admin('PUT', '/routes/1', { uri: '/mended', upstream })
    await until(async () => (await fetch(`${gateway.url}/mended`)).ok)
    assert.deepEqual((await gateway.sync()).quarantined, [])
  })
})
