import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { ConfigState } from '../../../src/model/config-state.ts'
import { ContentDigest } from '../../../src/model/digest.ts'
import type { ResourceBody, ResourceKind } from '../../../src/model/resource-kind.ts'
import type { Delta } from '../../../src/model/revision.ts'
import { withManagedSecrets } from '../../../src/primary/secrets/managed-secrets.ts'
import { SecretService } from '../../../src/primary/secrets/secret-service.ts'
import { ServingConfig } from '../../../src/primary/serving-config.ts'
import { createLogger } from '../../../src/support/logger.ts'
import { PLAIN_SECRETS } from '../../../src/support/resource-secrets.ts'
import { until } from '../../helpers/stack.ts'
import { startVault } from '../../helpers/vault-server.ts'

const EPOCH = '2f1ce1f0-0000-4000-8000-000000000001'
const REFERENCE = '$secret://vault/1/jack/key'
const NAME = 'jack'

function consumer(key: string, more: object = {}): ResourceBody {
  return { username: NAME, plugins: { 'key-auth': { key } }, ...more } as unknown as ResourceBody
}

/** A configuration of one consumer and a Vault, as the primary keeps it. */
async function startService(
  t: TestContext,
  body = consumer(REFERENCE),
  more: object = {},
  remembered: ReadonlyMap<string, string> = new Map(),
) {
  const vault = await startVault(t)
  vault.secrets.set('kv/jack', { key: 'first' })
  const manager = { id: 'vault/1', uri: vault.uri, prefix: 'kv', token: 'root', ...more }
  const source = new ConfigState('default', { epoch: EPOCH, revision: 1 })
  source.load('secrets', manager)
  source.load('consumers', body)
  const deltas: Delta[] = []
  const service = new SecretService({
    ttlMs: 40,
    log: createLogger({ level: 'silent', role: 'gateway' }),
    environment: {},
    remembered,
    onChange: (references) => {
      const delta = config.renew(references)
      if (delta === undefined) return
      deltas.push(delta)
      service.onDelta(delta)
    },
  })
  t.after(() => service.stop())
  const secrets = withManagedSecrets(PLAIN_SECRETS, (reference) => service.lookup(reference))
  const config = await ServingConfig.build(source, undefined, secrets)
  function write(kind: ResourceKind, id: string, next: ResourceBody): void {
    const digest = new ContentDigest(source.mark.digest)
    digest.remove(kind, id, source.get(kind, id) as ResourceBody)
    digest.add(kind, id, next)
    const to = { epoch: EPOCH, revision: source.mark.revision + 1, digest: digest.toString() }
    service.onDelta(config.apply({ to, changes: [{ op: 'put', kind, id, body: next }] }))
  }
  /** What the workers know of the consumer. */
  const served = () => config.served('consumers', NAME)?.secrets[0]?.value
  const reason = () => config.quarantined[0]?.reason
  return { vault, manager, config, service, deltas, write, served, reason }
}

suite('SecretService', () => {
  test('an object waits in quarantine for its first value, then goes live by itself', async (t) => {
    const { config, service, deltas, served, reason } = await startService(t)
    assert.equal(reason(), `secret ${REFERENCE} is being fetched`)
    assert.equal(served(), undefined)
    service.onSnapshot(config)
    await until(() => deltas.length > 0)
    assert.equal(served(), 'first')
    assert.deepEqual(config.quarantined, [])
    const [delta] = deltas
    assert.equal(delta?.amends, true)
    assert.deepEqual(delta?.to, config.source.mark)
    const path = ['plugins', 'key-auth', 'key']
    assert.deepEqual(delta && config.secretsIn(delta), {
      'consumers/jack': [{ path, value: 'first', managed: true }],
    })
    assert.deepEqual(service.counts, { references: 1, waiting: 0, failing: 0 })
  })

  test('what is served first is not served before its secrets are there', async (t) => {
    const { config, service, deltas, served } = await startService(t)
    await service.prepare(config)
    assert.equal(served(), 'first')
    assert.deepEqual(deltas, [])
  })

  test('a start does not wait for a Vault that refuses', async (t) => {
    const { config, service, reason } = await startService(t, undefined, { token: 'wrong' })
    await service.prepare(config)
    assert.match(
      reason() ?? '',
      /^secret \$secret:\/\/vault\/1\/jack\/key can't be read, manager vault\/1 answers 403/,
    )
    assert.deepEqual(service.counts, { references: 1, waiting: 1, failing: 1 })
    assert.ok((service.managers[0]?.failures ?? 0) > 0)
  })

  test('a new value is a change within the revision; the same one is none', async (t) => {
    const { vault, config, service, deltas, served } = await startService(t)
    await service.prepare(config)
    const before = vault.reads
    await until(() => vault.reads >= before + 3)
    assert.deepEqual(deltas, [])
    vault.secrets.set('kv/jack', { key: 'second' })
    await until(() => served() === 'second')
    assert.equal(deltas.length, 1)
    assert.equal(config.mark.revision, 1)
  })

  test('a value that is gone, or a Vault that is, takes nothing away', async (t) => {
    const { vault, config, service, served, deltas } = await startService(t)
    await service.prepare(config)
    vault.secrets.delete('kv/jack')
    await until(() => service.counts.failing === 1)
    vault.fault = 503
    await until(() => service.managers[0]?.reason !== undefined)
    assert.equal(served(), 'first')
    assert.deepEqual([config.quarantined, deltas], [[], []])
    vault.fault = undefined
    vault.secrets.set('kv/jack', { key: 'second' })
    await until(() => served() === 'second')
    await until(() => service.counts.failing === 0)
  })

  test('a value that its plugin refuses: the last good one serves on', async (t) => {
    const jwt = { key: 'k', secret: 'x'.repeat(32), algorithm: '$secret://vault/1/jack/algorithm' }
    const body = consumer('', { plugins: { 'jwt-auth': jwt } })
    const { vault, config, service, served, reason } = await startService(t, body)
    vault.secrets.set('kv/jack', { algorithm: 'HS256' })
    await service.prepare(config)
    assert.equal(served(), 'HS256')
    vault.secrets.set('kv/jack', { algorithm: 'none at all' })
    await until(() => reason() !== undefined)
    assert.match(reason() ?? '', /"algorithm".* matches none of the enum values/)
    assert.equal(served(), 'HS256')
    assert.deepEqual(config.mark, config.source.mark)
    vault.secrets.set('kv/jack', { algorithm: 'HS512' })
    await until(() => served() === 'HS512')
    assert.equal(reason(), undefined)
  })

  test('a new token is tried at once, whatever the wait was', async (t) => {
    const setup = await startService(t, undefined, { token: 'wrong' })
    const { config, service, write, manager, served } = setup
    await service.prepare(config)
    assert.equal(served(), undefined)
    write('secrets', 'vault/1', { ...manager, token: 'root' } as ResourceBody)
    await until(() => served() === 'first')
  })

  test('another reference: the last good version serves until it has a value', async (t) => {
    const { vault, config, service, write, served, reason } = await startService(t)
    await service.prepare(config)
    write('consumers', NAME, consumer('$secret://vault/1/jack/other'))
    assert.match(reason() ?? '', /is being fetched/)
    assert.equal(served(), 'first')
    await until(() => reason()?.includes('has no such field') === true)
    vault.secrets.set('kv/jack', { key: 'first', other: 'third' })
    await until(() => served() === 'third')
    assert.deepEqual(config.quarantined, [])
    assert.equal(service.counts.references, 1)
  })

  test('what is remembered serves where Vault is away, and only there', async (t) => {
    const remembered = new Map([[REFERENCE, 'remembered']])
    const known = await startService(t, undefined, {}, remembered)
    await known.service.prepare(known.config)
    assert.equal(known.served(), 'first')

    const lost = await startService(t, undefined, {}, remembered)
    lost.vault.fault = 503
    await lost.service.prepare(lost.config)
    assert.equal(lost.served(), 'remembered')
    assert.deepEqual(lost.service.counts, { references: 1, waiting: 0, failing: 1 })
    lost.vault.fault = undefined
    await until(() => lost.served() === 'first')
  })

  test('says what is wrong with a reference, and with a manager that is not there', async (t) => {
    const wrong = await startService(t, consumer('$secret://vault/1/key'))
    await wrong.service.prepare(wrong.config)
    assert.match(wrong.reason() ?? '', /is no \$secret:/)
    const lost = await startService(t, consumer('$secret://vault/9/jack/key'))
    await lost.service.prepare(lost.config)
    assert.match(lost.reason() ?? '', /manager vault\/9 is not there/)
  })
})
