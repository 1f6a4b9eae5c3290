import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ConfigError } from '../../src/model/errors.ts'
import type { RouterMode } from '../../src/model/routing.ts'
import { createRouter, type MatchRule } from '../../src/routing/router.ts'
import { compileIpSet } from '../../src/support/ip-set.ts'
import { requestContext } from '../helpers/request-context.ts'

function rule(part: Partial<MatchRule> & { uri?: string }): MatchRule {
  const { uri, ...rest } = part
  return { uris: [uri ?? '/'], hosts: [], methods: undefined, priority: 0, ...rest }
}

function routerOf(mode: RouterMode, rules: Record<string, Partial<MatchRule> & { uri?: string }>) {
  const router = createRouter<string>({ mode })
  for (const [id, part] of Object.entries(rules)) router.put(id, rule(part), id)
  return router
}

suite('router: radixtree_uri', () => {
  const rules = {
    host: { uri: '/a/*', hosts: ['one.example'] },
    wildcard: { uri: '/a/b/*', hosts: ['*.example'] },
    any: { uri: '/a/b/c/*' },
    important: { uri: '/p/*', priority: 9 },
    hostly: { uri: '/p/*', hosts: ['one.example'] },
  }
  const uriFirst = routerOf('radixtree_uri', rules)
  const hostFirst = routerOf('radixtree_host_uri', rules)
  const cases: [
    host: string,
    path: string,
    byUri: string | undefined,
    byHost: string | undefined,
  ][] = [
    ['one.example', '/a/b/c/d', 'any', 'host'],
    ['one.example', '/a/b/x', 'wildcard', 'host'],
    ['one.example', '/a/x', 'host', 'host'],
    ['two.example', '/a/b/c/d', 'any', 'wildcard'],
    ['two.example', '/a/x', undefined, undefined],
    ['other', '/a/b/x', undefined, undefined],
    ['one.example', '/p/', 'important', 'hostly'],
  ]
  for (const [host, path, byUri, byHost] of cases) {
    test(`${host}${path} goes to ${byUri}, with radixtree_host_uri to ${byHost}`, () => {
      assert.equal(uriFirst.match({ method: 'GET', host, path }), byUri)
      assert.equal(hostFirst.match({ method: 'GET', host, path }), byHost)
    })
  }

  test('the uris of hosts share a pattern', () => {
    assert.equal(uriFirst.patterns, 4)
  })

  test('a colon is no parameter', () => {
    const router = routerOf('radixtree_uri', { id: { uri: '/u/:id' } })
    assert.equal(router.match({ method: 'GET', host: '', path: '/u/7' }), undefined)
    assert.equal(router.match({ method: 'GET', host: '', path: '/u/:id' }), 'id')
  })
})

suite('router: radixtree_uri_with_parameter', () => {
  const router = routerOf('radixtree_uri_with_parameter', {
    user: { uri: '/users/:id' },
    posts: { uri: '/users/:id/posts/:post' },
    all: { uri: '/users/*' },
    me: { uri: '/users/me' },
    files: { uri: '/files/:bucket/*path' },
    folder: { uri: '/dir/:name/' },
    tail: { uri: '/tail/*rest' },
    middle: { uri: '/m/:a/*b/end/:c' },
    star: { uri: '/s/:a/x*' },
    odd: { uri: '/odd/a:b' },
    posted: { uri: '/posted/:id', methods: ['POST'] },
    dots: { uri: '/d/:id/*x/v1.0' },
  })
  const cases: [path: string, id: string | undefined, parameters?: Record<string, string>][] = [
    ['/users/7', 'user', { id: '7' }],
    ['/users/me', 'me'],
    ['/users/7/posts/9', 'posts', { id: '7', post: '9' }],
    ['/users/7/posts', 'all'],
    ['/users/', 'all'],
    ['/users/a b', 'user', { id: 'a b' }],
    ['/users', undefined],
    ['/files/b1/x/y.txt', 'files', { bucket: 'b1', path: 'x/y.txt' }],
    ['/files/b1/', 'files', { bucket: 'b1', path: '' }],
    ['/files/b1', undefined],
    ['/files//x', undefined],
    ['/dir/a/', 'folder', { name: 'a' }],
    ['/dir/a', undefined],
    ['/dir/a/b', undefined],
    ['/tail/', 'tail', { rest: '' }],
    ['/tail/a/b', 'tail', { rest: 'a/b' }],
    ['/m/1/x/y/end/2', 'middle', { a: '1', b: 'x/y', c: '2' }],
    ['/m/1/end/2', undefined],
    ['/s/1/xyz/w', 'star', { a: '1' }],
    ['/s/1/y', undefined],
    ['/odd/a:b', 'odd'],
    ['/odd/a', undefined],
    ['/posted/7', undefined],
    ['/d/1/2/v1.0', 'dots', { id: '1', x: '2' }],
    ['/d/1/2/v1x0', undefined],
  ]
  for (const [path, id, parameters = {}] of cases) {
    test(`${path} is ${id} ${JSON.stringify(parameters)}`, () => {
      const found: Record<string, string> = {}
      const setVariable = (name: string, value: string) => {
        found[name.replace('uri_param_', '')] = value
      }
      assert.equal(router.match({ ...requestContext(), path, setVariable }), id)
      assert.deepEqual(found, parameters)
    })
  }

  test('one uri: longer before shorter, priority before both', () => {
    const order = routerOf('radixtree_uri_with_parameter', {
      short: { uri: '/o/:a' },
      long: { uri: '/o/:abc' },
      tail: { uri: '/o/*' },
      first: { uri: '/o/:a/x', priority: -1 },
      late: { uri: '/o/*any', priority: 5 },
    })
    const at = (path: string) => order.match({ method: 'GET', host: '', path })
    assert.equal(at('/o/1'), 'late')
    order.delete('late')
    assert.equal(at('/o/1'), 'long')
    order.delete('long')
    assert.equal(at('/o/1'), 'short')
    assert.equal(at('/o/1/x'), 'tail')
  })

  test('a path of many slashes costs little', () => {
    const hostile = routerOf('radixtree_uri_with_parameter', { x: { uri: '/*a/x/*b/x/*c/x/:d/y' } })
    const path = `/${'x/'.repeat(4000)}`
    const startedAt = performance.now()
    assert.equal(hostile.match({ method: 'GET', host: '', path }), undefined)
    assert.ok(performance.now() - startedAt < 1000)
  })
})

suite('router: conditions', () => {
  const router = routerOf('radixtree_host_uri', {
    inside: {
      uri: '/*',
      accepts: (r) => compileIpSet(['10.0.0.0/8'])(r.remoteAddress),
      priority: 1,
    },
    outside: { uri: '/*' },
  })

  test('what a condition refuses goes to the next', () => {
    const at = (remoteAddress: string) => router.match(requestContext({ remoteAddress }))
    assert.equal(at('10.1.1.1'), 'inside')
    assert.equal(at('192.0.2.1'), 'outside')
  })

  test('the body is wanted where a condition that looks into it decides', () => {
    const reading = createRouter<string>()
    const wants = (path: string, method = 'POST') =>
      reading.wantsBody(requestContext({ path, method }))
    const accepts = () => false
    reading.put('exact', rule({ uri: '/a/b' }), 'exact')
    reading.put('get', rule({ uri: '/a/c', methods: ['GET'] }), 'get')
    reading.put('body', rule({ uri: '/a/*', methods: ['POST'], accepts, needsBody: true }), 'body')
    reading.put('rest', rule({ uri: '/*' }), 'rest')
    assert.equal(wants('/a/x'), true)
    assert.equal(wants('/a/x', 'GET'), false)
    assert.equal(wants('/a/b'), false)
    assert.equal(wants('/a/c'), true)
    assert.equal(wants('/b'), false)
    assert.equal(reading.match(requestContext({ path: '/a/x', method: 'POST' })), 'rest')
    reading.put('body', rule({ uri: '/a/*', methods: ['POST'] }), 'body')
    assert.equal(wants('/a/x'), false)
    reading.put('body', rule({ uri: '/a/*', needsBody: true }), 'body')
    assert.throws(() => reading.put('body', rule({ uri: 'x' }), 'body'), ConfigError)
    assert.equal(wants('/a/x'), true)
    reading.delete('body')
    assert.equal(wants('/a/x'), false)
  })
})
