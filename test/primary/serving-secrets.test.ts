import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ConfigState } from '../../src/model/config-state.ts'
import { ContentDigest } from '../../src/model/digest.ts'
import type { ResourceBody } from '../../src/model/resource-kind.ts'
import type { Delta } from '../../src/model/revision.ts'
import { withSecrets } from '../../src/model/secret-value.ts'
import { ServingConfig } from '../../src/primary/serving-config.ts'
import { createKeyring, parseKeys } from '../../src/support/keyring.ts'
import { createResourceSecrets, PLAIN_SECRETS } from '../../src/support/resource-secrets.ts'
import { certificateFor } from '../model/schemas/certificates.ts'

const EPOCH = '2f1ce1f0-0000-4000-8000-000000000001'
const SSL: ResourceBody = { id: '1', ...certificateFor('a.test'), sni: 'a.test' }
const ROUTE: ResourceBody = { id: '1', uri: '/', upstream: { nodes: { '127.0.0.1:1': 1 } } }

function secretsWith(fill: number) {
  return createResourceSecrets(
    createKeyring(parseKeys(`k:${Buffer.alloc(32, fill).toString('base64')}`)),
  )
}

const ours = secretsWith(1)
const foreign = secretsWith(2)

function sourceOf(...ssls: ResourceBody[]): ConfigState {
  const state = new ConfigState('default', { epoch: EPOCH, revision: 1 })
  state.load('routes', ROUTE)
  for (const ssl of ssls) state.load('ssls', ssl)
  return state
}

function putDelta(source: ConfigState, body: ResourceBody): Delta {
  const digest = new ContentDigest(source.mark.digest)
  const old = source.get('ssls', '1')
  if (old !== undefined) digest.remove('ssls', '1', old)
  digest.add('ssls', '1', body)
  const revision = source.mark.revision + 1
  return {
    to: { epoch: EPOCH, revision, digest: digest.toString() },
    changes: [{ op: 'put', kind: 'ssls', id: '1', body }],
  }
}

/** What a worker makes of the certificate. */
function inWorker(config: ServingConfig): ResourceBody[] {
  const bodies = config.bodies('ssls')
  const secrets = config.secretsOf('ssls', bodies)
  return bodies.map((body) => withSecrets(body, secrets?.[`ssls/${body.id}`]))
}

suite('ServingConfig with encrypted secrets', () => {
  test('has the digest of the source, and the secrets beside the objects', async () => {
    const source = sourceOf(ours.seal('ssls', SSL))
    const config = await ServingConfig.build(source, undefined, ours)
    assert.deepEqual(config.quarantined, [])
    assert.deepEqual(config.mark, source.mark)
    assert.deepEqual(inWorker(config), [SSL])
    assert.equal(config.secretsOf('routes', config.bodies('routes')), undefined)
  })

  test('serves old plain text', async () => {
    const config = await ServingConfig.build(sourceOf(SSL), undefined, ours)
    assert.deepEqual(config.quarantined, [])
    assert.deepEqual(inWorker(config), [SSL])
  })

  for (const [name, secrets] of [
    ['missing', PLAIN_SECRETS],
    ['wrong', foreign],
  ] as const) {
    test(`quarantines only what it can't decrypt, the key being ${name}`, async () => {
      const config = await ServingConfig.build(sourceOf(ours.seal('ssls', SSL)), undefined, secrets)
      const [refused] = config.quarantined
      assert.equal(refused?.id, '1')
      assert.match(refused?.reason ?? '', /property "key" is encrypted with key \[k\]/)
      assert.deepEqual(config.bodies('ssls'), [])
      assert.deepEqual(config.bodies('routes'), [ROUTE])
      assert.equal(config.mark.digest, sourceOf().mark.digest)
    })
  }

  test('serves the last good version on, secrets included, and the new one once it can', async () => {
    const source = sourceOf(ours.seal('ssls', SSL))
    const config = await ServingConfig.build(source, undefined, ours)
    const next = { ...SSL, ...certificateFor('a.test') }
    const refused = config.apply(putDelta(source, foreign.seal('ssls', next)))
    assert.deepEqual(refused.changes, [])
    assert.deepEqual(inWorker(config), [SSL])

    const accepted = config.apply(putDelta(source, ours.seal('ssls', next)))
    assert.deepEqual(config.quarantined, [])
    assert.deepEqual(inWorker(config), [next])
    const [secret] = config.secretsIn(accepted)?.['ssls/1'] ?? []
    assert.deepEqual(secret, { path: ['key'], value: next['key'] })
  })

  test('keeps the secrets of a last good version whose key is gone', async () => {
    const source = sourceOf(ours.seal('ssls', SSL))
    const before = await ServingConfig.build(source, undefined, ours)
    const config = await ServingConfig.build(source, before, foreign)
    assert.equal(config.quarantined.length, 1)
    assert.deepEqual(inWorker(config), [SSL])
    const again = await ServingConfig.build(source, config, foreign)
    assert.deepEqual(inWorker(again), [SSL])
    assert.deepEqual(again.mark, source.mark)
  })
})
