import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { validateResource, withDefaults } from '../../../src/support/validate-resource.ts'
import { type Case, metadataCases, testCases } from './cases.ts'
import { certificateFor } from './certificates.ts'

const { cert, key } = certificateFor('a.test')
const other = certificateFor('b.test')
const valid = { cert, key, sni: 'a.test' }

function bad(name: string, fields: object, refused: RegExp): Case {
  return { name, body: { ...valid, ...fields }, refused }
}

suite('ssl', () => {
  testCases('ssls', [
    { name: 'a server certificate', body: valid },
    { name: 'several names', body: { cert, key, snis: ['a.test', '*.b.test'] } },
    { name: 'a client certificate', body: { cert, key, type: 'client' } },
    {
      name: 'every field',
      body: {
        ...valid,
        id: 'x',
        certs: [other.cert],
        keys: [other.key],
        client: { ca: cert, skip_mtls_uri_regex: ['/health.*'] },
        status: 0,
        ssl_protocols: ['TLSv1.2', 'TLSv1.3'],
      },
    },
    {
      name: 'references to secrets',
      body: {
        cert: '$secret://vault/1/tls/cert',
        key: '$ENV://TLS_KEY',
        sni: 'a.test',
        certs: ['$env://CERT'],
        keys: ['$env://KEY'],
        client: { ca: '$secret://aws/1/ca' },
      },
    },
    { name: 'a reference for the key', body: { ...valid, key: '$env://TLS_KEY' } },
    ...metadataCases(valid, ['name']),
    bad('what only looks like a reference', { key: '$file://key' }, /"key" .* string too short/),
    bad('an endless reference', { key: `$env://${'X'.repeat(1100)}` }, /"key" .* at most 1024/),
    bad('certs that are no list', { certs: cert }, /"certs" .* expected array/),
    bad(
      'a negative depth',
      { client: { ca: cert, depth: -1 } },
      /"client" .* "depth" .* at least 0/,
    ),
    bad('no authority', { client: {} }, /"client" .* "ca" is required/),
    bad('no exception', { client: { ca: cert, skip_mtls_uri_regex: [] } }, /"skip_mtls_uri_regex"/),
    bad('an unknown field of client', { client: { ca: cert, x: 1 } }, /"client" .* found x$/),
    bad('a bad name', { sni: 'a b' }, /"sni" .* expected a host name/),
    { name: 'no names', body: { cert, key, snis: [] }, refused: /"snis" .* at least 1 items/ },
    bad(
      'four protocols',
      { ssl_protocols: ['TLSv1.1', 'TLSv1.2', 'TLSv1.3', 'x'] },
      /at most 3 items/,
    ),
    bad('a status of 2', { status: 2 }, /"status" .* one of 1, 0/),
    bad('a name', { name: 'n' }, /found name$/),
    bad('sni and snis', { snis: ['b'] }, /^only one of sni or snis is allowed$/),
    { name: 'no name to serve', body: { cert, key }, refused: /"sni" is required \(or "snis"\)/ },
    { name: 'no key', body: { cert, sni: 'a' }, refused: /"key" is required/ },
    bad('a certificate that is none', { cert: 'x'.repeat(200) }, /"cert" .* failed to parse cert/),
    bad('a key that is none', { key: 'x'.repeat(200) }, /"key" .* failed to parse key/),
    bad('a short certificate', { cert: 'x' }, /"cert" .* string too short, expected at least 128/),
    bad('a key of another certificate', { key: other.key }, /"key" .* does not belong to/),
    bad('certs without keys', { certs: [cert] }, /mismatched number of certs and keys/),
    bad('a bad second pair', { certs: [cert], keys: [other.key] }, /cert-key pair\[1\]/),
    bad('a bad authority', { client: { ca: 'x'.repeat(200) } }, /"client" .* "ca" .* parse cert/),
    bad('an unknown protocol', { ssl_protocols: ['SSLv3'] }, /"ssl_protocols" .* one of TLSv1.1/),
    bad('an unknown type', { type: 'both' }, /"type" .* one of server, client/),
  ])

  test('a refusal never quotes the key', () => {
    const reason = validateResource('ssls', { ...valid, key: `hunter2${'x'.repeat(70)}` })
    assert.doesNotMatch(reason ?? '', /hunter2/)
  })

  test('defaults are filled in', () => {
    const { type, status } = withDefaults('ssls', valid)
    assert.deepEqual({ type, status }, { type: 'server', status: 1 })
  })
})
