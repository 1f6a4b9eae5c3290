import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ContentDigest } from '../../src/model/digest.ts'
import type { ResourceBody } from '../../src/model/resource-kind.ts'
import type { SecretValue } from '../../src/model/secret-value.ts'
import { createClientPool } from '../../src/upstream/client-pool.ts'
import { DEFAULT_TIMEOUTS } from '../../src/upstream/upstream.ts'
import { RouteTable } from '../../src/worker/route-table.ts'
import { UpstreamFactory } from '../../src/worker/upstream-factory.ts'
import { certificateFor } from '../model/schemas/certificates.ts'
import { NO_SERVICES } from './plugins/plugin-fixtures.ts'

const { cert, key } = certificateFor('client.test')
/** The table takes it for a private key only with the secret in its place. */
const SEALED: ResourceBody = {
  id: 'u',
  nodes: { '127.0.0.1:1': 1 },
  tls: { client_cert: cert, client_key: `$aes256gcm$k$${'A'.repeat(100)}` },
}
const SECRETS: readonly SecretValue[] = [{ path: ['tls', 'client_key'], value: key }]

function createTable(): RouteTable {
  const factory = new UpstreamFactory(createClientPool(), DEFAULT_TIMEOUTS)
  return new RouteTable('default', { epoch: 'e', revision: 1 }, factory, NO_SERVICES)
}

suite('RouteTable with secrets', () => {
  test('compiles with the secret, keeps the digest of the object as stored', () => {
    const table = createTable()
    table.load('upstreams', SEALED, SECRETS)
    assert.deepEqual(table.quarantined, [])
    const stored = new ContentDigest()
    stored.add('upstreams', 'u', SEALED)
    assert.equal(table.mark.digest, stored.toString())
  })

  test('takes secrets with a delta and forgets them with their object', () => {
    const table = createTable()
    const stored = new ContentDigest()
    stored.add('upstreams', 'u', SEALED)
    const put = { op: 'put', kind: 'upstreams', id: 'u', body: SEALED } as const
    const at = (revision: number, digest: string) => ({ epoch: 'e', revision, digest })
    table.apply({ to: at(2, stored.toString()), changes: [put] }, { 'upstreams/u': SECRETS })
    assert.deepEqual(table.quarantined, [])
    assert.deepEqual([...table.objectsAfter([])], [['upstreams', SEALED, SECRETS]])
    assert.deepEqual([...table.objectsAfter([put])], [['upstreams', SEALED, undefined]])
    const remove = { op: 'delete', kind: 'upstreams', id: 'u' } as const
    table.apply({ to: at(3, new ContentDigest().toString()), changes: [remove] })
    assert.deepEqual([...table.objectsAfter([])], [])
  })
})
