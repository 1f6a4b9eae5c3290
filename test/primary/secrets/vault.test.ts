import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { createVaultReader, fieldOf, type VaultObject } from '../../../src/primary/secrets/vault.ts'
import { NODE_CERT } from '../../helpers/node-certificate.ts'
import { startVault, type VaultServer } from '../../helpers/vault-server.ts'

function readerOf(vault: VaultServer, more: Partial<VaultObject> = {}, environment = {}) {
  const object = { uri: vault.uri, prefix: 'kv/apisix', token: 'root', ...more }
  return createVaultReader(object, environment)
}

suite('createVaultReader', () => {
  test('reads a secret of version 1 with its token, in its namespace', async (t) => {
    const vault = await startVault(t)
    vault.namespace = 'team/a'
    vault.secrets.set('kv/apisix/odd name/jack', { key: 'k' })
    const reader = readerOf(vault, { namespace: 'team/a' })
    t.after(() => reader.stop())
    const fields = await reader.read(['odd name', 'jack'])
    assert.deepEqual(fieldOf(fields, 'key'), { value: 'k' })
  })

  test('reads a secret of version 2; its token may be a variable', async (t) => {
    const vault = await startVault(t)
    vault.token = 'from-the-environment'
    vault.secrets.set('secret/data/jack', { data: 'd', key: 'k' })
    const environment = { VAULT_TOKEN: 'from-the-environment' }
    const more = { prefix: '/secret/data/', uri: `${vault.uri}/`, token: '$ENV://VAULT_TOKEN' }
    const reader = readerOf(vault, more, environment)
    t.after(() => reader.stop())
    const fields = await reader.read(['jack'])
    assert.deepEqual(fieldOf(fields, 'key'), { value: 'k' })
    assert.deepEqual(fieldOf(fields, 'data'), { value: 'd' })
  })

  const failures = [
    { name: 'a wrong token', token: 'wrong', isOutage: false, message: /answers 403: the token/ },
    { name: 'a wrong namespace', namespace: 'x', isOutage: false, message: /answers 400/ },
    { name: 'no such secret', isOutage: false, message: /answers 404/ },
    { name: 'a sealed Vault', fault: 503, isOutage: true, message: /answers 503/ },
    { name: 'a busy Vault', fault: 429, isOutage: true, message: /answers 429/ },
    {
      name: 'silence',
      fault: 'silence',
      timeout: 0.05,
      isOutage: true,
      message: /no answer within 50 ms/,
    },
  ] as const
  for (const { name, isOutage, message, ...rest } of failures) {
    test(`says what is wrong: ${name}`, async (t) => {
      const vault = await startVault(t)
      if ('fault' in rest) vault.fault = rest.fault
      const reader = readerOf(vault, rest as Partial<VaultObject>)
      t.after(() => reader.stop())
      await assert.rejects(reader.read(['jack']), { message, isOutage })
    })
  }

  test('says that nobody is there', async (t) => {
    const vault = await startVault(t)
    await vault.stop()
    const reader = readerOf(vault)
    t.after(() => reader.stop())
    await assert.rejects(reader.read(['jack']), { message: /ECONNREFUSED/, isOutage: true })
  })

  test('asks over https, if the certificate is good', async (t) => {
    const vault = await startVault(t, { tls: true })
    vault.secrets.set('kv/apisix/jack', { key: 'k' })
    /** The reason of an outage, or the field. */
    const outcome = async (uri: string) => {
      const reader = readerOf(vault, { uri })
      t.after(() => reader.stop())
      const reading = reader.read(['jack']).then((fields) => fieldOf(fields, 'key'))
      return reading.catch(({ message, isOutage }) => `${isOutage ? 'outage: ' : ''}${message}`)
    }
    const elsewhere = vault.uri.replace('127.0.0.1', 'localhost')
    assert.match(
      String(await outcome(vault.uri)),
      /^outage: can't be asked: self-signed certificate/,
    )
    assert.equal(vault.reads, 0)

    const known = getCACertificates('default')
    t.after(() => setDefaultCACertificates(known))
    setDefaultCACertificates([...known, NODE_CERT])
    assert.deepEqual(await outcome(vault.uri), { value: 'k' })
    assert.match(String(await outcome(elsewhere)), /^outage: can't be asked: .*altnames/)
    assert.equal(vault.reads, 1)
    assert.match(
      String(await outcome(vault.uri.replace('https', 'http'))),
      /^outage: can't be asked/,
    )
  })

  const unusable = [
    { name: 'a token that leads nowhere', object: { token: '$env://NOBODY' }, says: /NOBODY/ },
    { name: 'a token of a manager', object: { token: '$secret://vault/2/a/b' }, says: /reference/ },
    { name: 'another protocol', object: { uri: 'ftp://127.0.0.1' }, says: /no http\(s\) URL/ },
    { name: 'a prefix that leads out', object: { prefix: 'kv/../sys' }, says: /"\.\."/ },
  ]
  for (const { name, object, says } of unusable) {
    test(`refuses ${name}`, () => {
      const vault = { uri: 'http://127.0.0.1:1', prefix: 'kv', token: 't', ...object }
      assert.throws(() => createVaultReader(vault, {}), says)
    })
  }
})

suite('fieldOf', () => {
  const cases = [
    { name: 'a number', fields: { a: 12 }, found: { value: '12' } },
    { name: 'no field', fields: {}, found: { reason: 'has no such field' } },
    {
      name: 'an inherited one',
      fields: {},
      field: 'toString',
      found: { reason: 'has no such field' },
    },
    { name: 'an object', fields: { a: { b: 1 } }, found: { reason: 'has no text in that field' } },
    { name: 'nothing', fields: { a: '' }, found: { reason: 'has nothing in that field' } },
    {
      name: 'a reference',
      fields: { a: '$env://X' },
      found: { reason: 'has a reference in that field' },
    },
    {
      name: 'a deleted version',
      fields: { data: null, metadata: {} },
      found: { reason: 'has no such field' },
    },
  ]
  for (const { name, fields, field = 'a', found } of cases) {
    test(name, () => assert.deepEqual(fieldOf(fields, field), found))
  }
})
