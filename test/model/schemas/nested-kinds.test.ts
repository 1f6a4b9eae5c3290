import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { withDefaults } from '../../../src/support/validate-resource.ts'
import { BAD_IDS, type Case, metadataCases, NODES, testCases } from './cases.ts'

const badIds = (valid: object): Case[] =>
  [...BAD_IDS, '/', 'a/b/c', ' vault/1'].map((id) => ({
    name: `id ${JSON.stringify(id).slice(0, 12)}`,
    body: { ...valid, id },
    refused: /^invalid (?:configuration: .*property "id" |secret manager)/,
  }))

suite('credential', () => {
  const valid = { id: 'jack/credentials/one' }
  testCases('credentials', [
    { name: 'an id', body: valid },
    { name: 'the longest id', body: { id: `${'u'.repeat(256)}/credentials/${'c'.repeat(64)}` } },
    { name: 'a description', body: { ...valid, name: 'n', desc: 'd', labels: { a: 'b' } } },
    { name: 'no plugin', body: { ...valid, plugins: {} } },
    ...badIds(valid),
    ...metadataCases(valid).filter(({ name }) => !name.startsWith('id ')),
    { name: 'no id', body: {}, refused: /property "id" is required/ },
    {
      name: 'an id of its own',
      body: { id: 'one' },
      refused: /"id" .* "<username>\/credentials\/<id>"/,
    },
    {
      name: 'a consumer with a dot',
      body: { id: 'a.b/credentials/one' },
      refused: /property "id"/,
    },
    {
      name: 'two plugins',
      body: { ...valid, plugins: { 'key-auth': {}, 'jwt-auth': {} } },
      refused: /"plugins" .* at most 1/,
    },
    {
      name: 'an unknown plugin',
      body: { ...valid, plugins: { 'no-such': {} } },
      refused: /^invalid plugins configuration: unknown plugin \[no-such\]$/,
    },
    { name: 'a username', body: { ...valid, username: 'jack' }, refused: /found username$/ },
  ])
})

suite('secret', () => {
  const vault = { id: 'vault/1', uri: 'https://vault.test:8200', prefix: 'kv', token: 't' }
  const aws = { id: 'aws/1', access_key_id: 'a', secret_access_key: 's' }
  const account = { client_email: 'a@b', private_key: 'k', project_id: 'p' }
  testCases('secrets', [
    { name: 'vault', body: vault },
    { name: 'a namespace', body: { ...vault, namespace: 'team', timeout: 2 } },
    { name: 'a token from the environment', body: { ...vault, token: '$env://VAULT_TOKEN' } },
    { name: 'aws', body: aws },
    {
      name: 'all of aws',
      body: { ...aws, session_token: 't', region: 'eu-1', endpoint_url: 'http://[::1]:4566' },
    },
    { name: 'gcp with an account', body: { id: 'gcp/1', auth_config: account } },
    { name: 'gcp with a file', body: { id: 'gcp/1', auth_file: '/key.json', ssl_verify: false } },
    ...badIds(vault),
    { name: 'no id', body: { ...vault, id: undefined }, refused: /expected JSON|"id" is required/ },
    {
      name: 'another manager',
      body: { ...vault, id: 'pass/1' },
      refused: /^invalid secret manager: pass$/,
    },
    {
      name: 'no token',
      body: { id: 'vault/1', uri: vault.uri, prefix: 'kv' },
      refused: /"token" is required/,
    },
    {
      name: 'no prefix',
      body: { id: 'vault/1', uri: vault.uri, token: 't' },
      refused: /"prefix" is required/,
    },
    {
      name: 'a URI that is none',
      body: { ...vault, uri: 'vault.test' },
      refused: /"uri" .* expected a URL/,
    },
    {
      name: 'a field of another manager',
      body: { ...vault, region: 'x' },
      refused: /found region$/,
    },
    {
      name: 'half an account',
      body: { id: 'aws/1', access_key_id: 'a' },
      refused: /"secret_access_key" is required/,
    },
    {
      name: 'gcp with nothing',
      body: { id: 'gcp/1' },
      refused: /exactly one of .* "auth_config" and "auth_file"/,
    },
    {
      name: 'gcp with both',
      body: { id: 'gcp/1', auth_config: account, auth_file: 'f' },
      refused: /exactly one of/,
    },
    {
      name: 'gcp with half an account',
      body: { id: 'gcp/1', auth_config: { client_email: 'a@b' } },
      refused: /"auth_config" .* is required/,
    },
  ])

  test('defaults are those of the manager', () => {
    assert.equal((withDefaults('secrets', aws) as { region?: string }).region, 'us-east-1')
    const gcp = withDefaults('secrets', { id: 'gcp/1', auth_config: account })
    assert.deepEqual(gcp, {
      id: 'gcp/1',
      ssl_verify: true,
      auth_config: {
        ...account,
        token_uri: 'https://oauth2.googleapis.com/token',
        scope: ['https://www.googleapis.com/auth/cloud-platform'],
        entries_uri: 'https://secretmanager.googleapis.com/v1',
      },
    })
  })
})

suite('stream route', () => {
  const valid = { upstream: { nodes: NODES } }
  const redis = (conf: object) => ({ ...valid, protocol: { name: 'redis', conf } })
  testCases('stream_routes', [
    { name: 'nothing', body: {} },
    {
      name: 'every field',
      body: {
        ...valid,
        id: 's',
        name: 'n',
        remote_addr: '10.0.0.0/8',
        server_addr: '::1',
        server_port: 9100,
        sni: '*.a.test',
        upstream_id: 1,
        service_id: 2,
        plugins: {},
        protocol: { name: 'redis', superior_id: 1, logger: [{ name: 'syslog', conf: {} }] },
      },
    },
    { name: 'a TLS upstream', body: { upstream: { nodes: NODES, scheme: 'tls' } } },
    { name: 'faults of redis', body: redis({ faults: [{ commands: ['get'], delay: 1 }] }) },
    ...metadataCases(valid),
    { name: 'port 0', body: { ...valid, server_port: 0 }, refused: /"server_port" .* at least 1/ },
    { name: 'a bad address', body: { ...valid, server_addr: 'x' }, refused: /"server_addr"/ },
    {
      name: 'a bad client address',
      body: { ...valid, remote_addr: '1.1.1.1/40' },
      refused: /"remote_addr"/,
    },
    { name: 'a bad name', body: { ...valid, sni: 'a b' }, refused: /"sni"/ },
    {
      name: 'an unknown protocol',
      body: { ...valid, protocol: { name: 'mysql' } },
      refused: /"protocol" .* "name" .* one of redis, dubbo/,
    },
    {
      name: 'faults without a delay',
      body: redis({ faults: [{ commands: ['get'] }] }),
      refused: /"delay" is required/,
    },
    {
      name: 'conf of another protocol',
      body: { protocol: { name: 'dubbo', conf: { faults: [] } } },
      refused: /found faults$/,
    },
    {
      name: 'a logger without conf',
      body: { ...valid, protocol: { name: 'redis', logger: [{ name: 'x' }] } },
      refused: /"logger" .* item 1/,
    },
    {
      name: 'itself as superior',
      body: { id: '7', protocol: { name: 'redis', superior_id: 7 } },
      refused: /^stream route can not set itself as superior_id$/,
    },
    {
      name: 'a broken upstream',
      body: { upstream: {} },
      refused: /"upstream" .* "nodes" is required/,
    },
    { name: 'a path', body: { ...valid, uri: '/' }, refused: /found uri$/ },
  ])
})

suite('proto', () => {
  const content = `// greeter
    syntax = "proto3"; package hello; import public "google/api.proto";
    option (x.y) = { a: [1, -2.5] };
    message Hello { string name = 1 [deprecated = true]; map<string, int32> n = 2; /* } */ }
    service Greeter { rpc Say (stream Hello) returns (Hello) { option a = "}\\""; } }`
  const bad = (name: string, text: string, refused: RegExp) => ({
    name,
    body: { content: text },
    refused,
  })
  testCases('protos', [
    { name: 'a file', body: { content } },
    { name: 'a descriptor set', body: { content: Buffer.from('\n\x05hello').toString('base64') } },
    { name: 'an empty file', body: { content: '\n' } },
    ...metadataCases({ content }),
    { name: 'no content', body: {}, refused: /"content" is required/ },
    bad('empty content', '', /"content" .* too short/),
    bad('what is too large', 'x'.repeat(1_048_577), /"content" .* at most 1048576/),
    bad('prose', 'hello there', /^invalid content: unexpected "hello"/),
    bad('JSON', '{"a": 1}', /^invalid content: unexpected "{"/),
    bad('an open message', 'message A { string a = 1;', /^invalid content: missing "}"/),
    bad('a stray bracket', 'message A { ) }', /^invalid content: unexpected "\)"/),
    bad('an open string', 'syntax = "proto3;', /^invalid content: not the text/),
    bad('an open statement', 'syntax = "proto3"', /^invalid content: missing ";"/),
    bad('bytes', '\u0001\u0002', /^invalid content: not the text/),
  ])

  test('hostile text is read in linear time', { timeout: 5000 }, () => {
    for (const text of ['/*', '"\\', '//', '((', 'a.', '1.']) {
      testLinear(`syntax = ${text.repeat(400_000)}`)
    }
  })
})

function testLinear(content: string): void {
  assert.throws(() => withDefaults('protos', { content }))
}
