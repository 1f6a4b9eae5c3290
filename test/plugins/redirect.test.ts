import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import redirect from '../../src/plugins/redirect.ts'
import { configure, createRequest, type RequestFacts, replyOf } from '../helpers/plugin-harness.ts'

async function location(
  config: Record<string, unknown>,
  facts: RequestFacts,
  metadata = {},
): Promise<[number, unknown] | undefined> {
  const instance = configure(redirect, config, { metadata: () => metadata })
  const reply = await replyOf(instance, createRequest(facts))
  return reply && [reply.status, reply.headers?.['Location']]
}

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: the notation of variables
suite('redirect: uri and regex_uri', () => {
  const to = ['^/test/(.*)', 'http://test.com/${1}']
  const cases: [string, Record<string, unknown>, string, string | undefined][] = [
    ['a fixed uri', { uri: '/test/add' }, '/hello', '/test/add'],
    ['a variable', { uri: '$uri/test/a${arg_name}c' }, '/hello?name=json', '/hello/test/ajsonc'],
    ['dollar signs', { uri: '/foo$$uri' }, '/hello', '/foo$/hello'],
    ['a backslash', { uri: '\\$uri/foo$uri\\$uri/bar' }, '/hello', '\\$uri/foo/hello\\$uri/bar'],
    ['an unknown variable', { uri: '$uri/$bad_var/bar' }, '/hello', '/hello//bar'],
    ['the request', { uri: 'https://$host$request_uri' }, '/a?b=c', 'https://example.com/a?b=c'],
    ['a pattern', { regex_uri: to }, '/test/1', 'http://test.com/1'],
    ['no match', { regex_uri: to }, '/hello', undefined],
    [
      'encoded',
      { regex_uri: to, encode_uri: true },
      '/test/with%20space',
      'http://test.com/with%20space',
    ],
    [
      'encoded, but for the query',
      { uri: '$uri?a=ä b', encode_uri: true },
      '/x%25%5C',
      '/x%25%5C?a=\xc3\xa4 b',
    ],
    ['the query appended', { uri: '$uri', append_query_string: true }, '/h?n=j', '/h?n=j'],
    ['to a query', { uri: '$uri?t=s', append_query_string: true }, '/h?n=j', '/h?t=s&n=j'],
    ['nothing to append', { uri: '$uri', append_query_string: true }, '/h', '/h'],
    ['line ends are escaped', { uri: '$uri' }, '/a%0D%0ASet-Cookie:x', '/a%0D%0ASet-Cookie:x'],
    ['no other host', { uri: '$uri' }, '/%5Cevil.example', '/%5Cevil.example'],
    [
      'no other host by a pattern',
      { regex_uri: ['^/t(.*)', '$1'] },
      '/t/%5Cevil.example',
      '/%5Cevil.example',
    ],
  ]
  for (const [name, config, target, expected] of cases) {
    test(name, async () => {
      const found = await location(config, { target })
      assert.deepEqual(found, expected === undefined ? undefined : [302, expected])
    })
  }

  test('with another status', async () => {
    assert.deepEqual(await location({ uri: '/a', ret_code: 308 }, {}), [308, '/a'])
  })
})

// biome-ignore-end lint/suspicious/noTemplateCurlyInString: the notation of variables
suite('redirect: http_to_https', () => {
  const config = { http_to_https: true, ret_code: 302 }
  const target = '/hello?a=b'
  const headers = ['Host', 'foo.com']
  const cases: [string, RequestFacts, object, [number, string] | undefined][] = [
    ['GET', {}, {}, [301, 'https://foo.com/hello?a=b']],
    ['HEAD', { method: 'HEAD' }, {}, [301, 'https://foo.com/hello?a=b']],
    ['POST', { method: 'POST' }, {}, [308, 'https://foo.com/hello?a=b']],
    ['a port', {}, { https_port: 8443 }, [301, 'https://foo.com:8443/hello?a=b']],
    ['the usual port', {}, { https_port: 443 }, [301, 'https://foo.com/hello?a=b']],
    ['no port', {}, { https_port: 0 }, [301, 'https://foo.com/hello?a=b']],
    ['HTTPS', { encrypted: true }, {}, undefined],
    [
      'HTTPS at a proxy',
      { headers: [...headers, 'X-Forwarded-Proto', 'https'], trusted: true },
      {},
      undefined,
    ],
    [
      'a claim of HTTPS',
      { headers: [...headers, 'X-Forwarded-Proto', 'https'] },
      {},
      [301, 'https://foo.com/hello?a=b'],
    ],
  ]
  for (const [name, facts, metadata, expected] of cases) {
    test(name, async () => {
      assert.deepEqual(await location(config, { target, headers, ...facts }, metadata), expected)
    })
  }

  test('what a plugin says of the scheme counts', async () => {
    const request = createRequest({ headers })
    request.headers.push('X-Forwarded-Proto', 'https')
    assert.equal(await replyOf(configure(redirect, config), request), undefined)
  })

  test('turned off', async () => {
    assert.equal(await location({ http_to_https: false }, {}), undefined)
  })
})

suite('redirect: refusals', () => {
  const cases: [string, Record<string, unknown>, RegExp][] = [
    ['none', {}, /exactly one of/],
    ['two', { uri: '/x', http_to_https: true }, /exactly one of/],
    ['a query for https', { http_to_https: true, append_query_string: true }, /only one of/],
    ['a bad pattern', { regex_uri: ['(', '/'] }, /invalid regex_uri/],
    ['a bad replacement', { regex_uri: ['^/', '/$x'] }, /invalid capturing variable/],
  ]
  for (const [name, config, reason] of cases) {
    test(name, () => assert.throws(() => configure(redirect, config), reason))
  }
})
