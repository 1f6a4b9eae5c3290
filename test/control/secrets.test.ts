import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createKeyring, parseKeys } from '../../src/support/keyring.ts'
import { createResourceSecrets } from '../../src/support/resource-secrets.ts'
import { createResourceValidator } from '../../src/support/validate-resource.ts'
import { certificateFor } from '../model/schemas/certificates.ts'
import { startAdminApi } from './admin-client.ts'

function secretsWith(id: string, fill: number) {
  const key = Buffer.alloc(32, fill).toString('base64')
  return createResourceSecrets(createKeyring(parseKeys(`${id}:${key}`)))
}

const secrets = secretsWith('a', 1)
/** Takes upstreams with TLS, which this version does not serve yet. */
const validator = createResourceValidator(() => undefined)
const certificate = certificateFor('a.test')
const ssl = { ...certificate, sni: 'a.test' }
const tls = { client_cert: certificate.cert, client_key: certificate.key }
const upstream = { nodes: { '127.0.0.1:80': 1 }, tls }

suite('secrets in the admin api', () => {
  test('are stored encrypted and never answered in plain text', async (t) => {
    const logLines: string[] = []
    const api = await startAdminApi(t, { secrets, logLines })
    const created = await api.send('PUT', '/ssls/1', ssl)
    assert.equal(created.status, 201)
    const stored = await api.repository.get('default', 'ssls', '1')
    assert.match(String(stored?.body['key']), /^\$aes256gcm\$a\$/)
    for (const { body } of [
      created,
      await api.send('GET', '/ssls/1'),
      await api.send('GET', '/ssls'),
    ]) {
      assert.doesNotMatch(JSON.stringify(body), /PRIVATE KEY|aes256gcm/)
    }
    assert.doesNotMatch(logLines.join(''), /PRIVATE KEY|aes256gcm/)
  })

  test('are encrypted once, however often their object is patched', async (t) => {
    const api = await startAdminApi(t, { secrets })
    await api.send('PUT', '/ssls/1', ssl)
    const before = await api.repository.get('default', 'ssls', '1')
    for (const patch of [{ labels: { a: '1' } }, { sni: 'b.test' }]) {
      assert.equal((await api.send('PATCH', '/ssls/1', patch)).status, 200)
    }
    assert.equal((await api.send('PATCH', '/ssls/1/status', 0)).status, 200)
    const stored = await api.repository.get('default', 'ssls', '1')
    assert.equal(stored?.body['key'], before?.body['key'])
    assert.equal(stored?.body['sni'], 'b.test')
    const opened = secrets.open('ssls', stored?.body ?? {})
    assert.equal(opened.ok && opened.body['key'], certificate.key)

    const renewed = certificateFor('b.test')
    assert.equal((await api.send('PATCH', '/ssls/1', renewed)).status, 200)
    const after = await api.repository.get('default', 'ssls', '1')
    const reopened = secrets.open('ssls', after?.body ?? {})
    assert.equal(reopened.ok && reopened.body['key'], renewed.key)
  })

  test('can be sent back the way they were answered, to their own place only', async (t) => {
    const api = await startAdminApi(t, { secrets, validator })
    const created = await api.send('PUT', '/upstreams/1', upstream)
    const shown = created.body.value
    assert.match(shown.tls.client_key, /^\$aes256gcm\$a\$/)
    const { create_time, update_time, ...same } = shown
    const again = await api.send('PUT', '/upstreams/1', same)
    assert.equal(again.status, 200)
    assert.equal(again.body.value.tls.client_key, shown.tls.client_key)

    const moved = await api.send('PUT', '/upstreams/2', { ...same, id: '2' })
    assert.equal(moved.status, 400)
    assert.match(moved.body.error_msg, /property "tls.client_key" is encrypted with key \[a\]/)
    assert.doesNotMatch(moved.body.error_msg, /aes256gcm/)
  })

  test('of another keyring stay until they are replaced', async (t) => {
    const api = await startAdminApi(t, { secrets: secretsWith('new', 2) })
    const lost = secretsWith('lost', 3).seal('ssls', { id: '1', ...ssl })
    await api.repository.write('default', 'test', async (tx) => tx.put('ssls', '1', lost))

    const refused = await api.send('PATCH', '/ssls/1', { labels: { a: '1' } })
    assert.equal(refused.status, 400)
    assert.match(refused.body.error_msg, /key \[lost\], which is not in the keyring/)
    assert.equal((await api.send('GET', '/ssls/1')).status, 200)
    assert.equal((await api.send('PATCH', '/ssls/1', { key: certificate.key })).status, 200)
    const stored = await api.repository.get('default', 'ssls', '1')
    assert.match(String(stored?.body['key']), /^\$aes256gcm\$new\$/)
  })

  test('stored as plain text before there was a keyring are encrypted by the next write', async (t) => {
    const api = await startAdminApi(t, { secrets })
    const plain = { id: '1', ...ssl }
    await api.repository.write('default', 'test', async (tx) => tx.put('ssls', '1', plain))
    assert.equal((await api.send('PATCH', '/ssls/1', { labels: { a: '1' } })).status, 200)
    const stored = await api.repository.get('default', 'ssls', '1')
    assert.match(String(stored?.body['key']), /^\$aes256gcm\$a\$/)
  })

  test('need no keyring, but an envelope does', async (t) => {
    const api = await startAdminApi(t)
    assert.equal((await api.send('PUT', '/ssls/1', ssl)).status, 201)
    const { key } = secrets.seal('ssls', { id: '2', ...ssl })
    const refused = await api.send('PUT', '/ssls/2', { ...ssl, key })
    assert.equal(refused.status, 400)
    assert.match(refused.body.error_msg, /HOLDFAST_KEYRING/)
  })
})
