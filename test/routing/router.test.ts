import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { normalizePath } from '../../src/routing/path.ts'
import {
  createRouter,
  type MatchRequest,
  type MatchRule,
  type Router,
} from '../../src/routing/router.ts'

/** A rule with defaults; the id doubles as the value in these tests. */
function rule(part: Partial<MatchRule> & { uri?: string }): MatchRule {
  const { uri, ...rest } = part
  return { uris: [uri ?? '/'], hosts: [], methods: undefined, priority: 0, ...rest }
}

function routerOf(rules: Record<string, Partial<MatchRule> & { uri?: string }>): Router<string> {
  const router = createRouter<string>()
  for (const [id, part] of Object.entries(rules)) router.put(id, rule(part), id)
  return router
}

function match(router: Router<string>, path: string, host = 'h', method = 'GET') {
  return router.match({ method, host, path })
}

suite('router: uris', () => {
  const router = routerOf({
    folder: { uri: '/blog/foo/*' },
    deeper: { uri: '/blog/foo/a/*' },
    exact: { uri: '/blog/foo/bar' },
    prefix: { uri: '/shop*' },
    colon: { uri: '/v1/:id' },
    colonPrefix: { uri: '/v2/:id/*' },
    middle: { uri: '/m/*/end' },
    twoStars: { uri: '/t/*/x/*/y' },
    midWord: { uri: '/w/b*c' },
    special: { uri: '/q?a#b%41' },
    brackets: { uri: '/r/(x)[y]{z}' },
    unicode: { uri: '/straße/*' },
  })
  const cases: [path: string, id: string | undefined][] = [
    ['/blog/foo/bar', 'exact'],
    ['/blog/foo/a/b/c', 'deeper'],
    ['/blog/foo/c/d', 'folder'],
    ['/blog/foo/', 'folder'],
    ['/blog/foo', undefined],
    ['/blog/bar', undefined],
    ['/shop', 'prefix'],
    ['/shopping/cart', 'prefix'],
    ['/sho', undefined],
    ['/v1/:id', 'colon'],
    ['/v1/7', undefined],
    ['/v2/:id/x', 'colonPrefix'],
    ['/v2/7/x', undefined],
    ['/m/a/end', 'middle'],
    ['/m/a/b/end', 'middle'],
    ['/m//end', 'middle'],
    ['/m/end', undefined],
    ['/m/a/end/', undefined],
    ['/t/1/x/2/y', 'twoStars'],
    ['/t/1/x/y', undefined],
    ['/w/b', 'midWord'],
    ['/w/bzzz', 'midWord'],
    ['/q?a#b%41', 'special'],
    ['/qA', undefined],
    ['/q?a#bA', undefined],
    ['/q', undefined],
    ['/r/(x)[y]{z}', 'brackets'],
    ['/straße/1', 'unicode'],
  ]
  for (const [path, id] of cases) {
    test(`${path} goes to ${id}`, () => assert.equal(match(router, path), id))
  }

  test('decoded percent, question and hash signs are neither decoded again nor cut', () => {
    const decoded = routerOf({
      percent: { uri: '/%41' },
      letter: { uri: '/A' },
      question: { uri: '/a?b' },
      hash: { uri: '/a#b' },
      short: { uri: '/a' },
      semicolon: { uri: '/a;b' },
    })
    assert.equal(match(decoded, normalizePath('/%2541') ?? ''), 'percent')
    assert.equal(match(decoded, normalizePath('/%41') ?? ''), 'letter')
    assert.equal(match(decoded, normalizePath('/a%3Fb') ?? ''), 'question')
    assert.equal(match(decoded, normalizePath('/a%23b') ?? ''), 'hash')
    assert.equal(match(decoded, normalizePath('/a%3Fc') ?? ''), undefined)
    assert.equal(match(decoded, normalizePath('/a;b') ?? ''), 'semicolon')
    assert.equal(match(decoded, normalizePath('/a?b') ?? ''), 'short')
  })

  test('* and /* take everything, /* first', () => {
    const all = routerOf({ star: { uri: '*' } })
    assert.equal(match(all, '/x/y'), 'star')
    all.put('slash', rule({ uri: '/*' }), 'slash')
    assert.equal(match(all, '/x/y'), 'slash')
    assert.equal(match(all, '/'), 'slash')
  })

  test('a path longer than any parameter limit of find-my-way matches a prefix', () => {
    assert.equal(match(router, `/shop/${'x'.repeat(20_000)}`), 'prefix')
  })

  test('many stars do not make matching slow', () => {
    const glob = routerOf({ stars: { uri: `/g${'/*/a'.repeat(50)}/end` } })
    const startedAt = performance.now()
    assert.equal(match(glob, `/g${'/x/a'.repeat(2000)}`), undefined)
    assert.ok(performance.now() - startedAt < 1_000)
  })
})

suite('router: hosts', () => {
  const router = routerOf({
    any: { uri: '/*' },
    exact: { uri: '/a/*', hosts: ['api.example.com'] },
    wild: { uri: '/*', hosts: ['*.example.com'], methods: ['GET'] },
    deeper: { uri: '/d/*', hosts: ['*.sub.example.com'] },
    suffix: { uri: '/*', hosts: ['*test.org'] },
    upper: { uri: '/*', hosts: ['UPPER.example.NET'] },
    v6: { uri: '/*', hosts: ['[::1]'] },
    two: { uri: '/*', hosts: ['one.net', 'two.net', 'one.net'] },
  })
  const cases: [host: string, path: string, id: string][] = [
    ['api.example.com', '/a/b', 'exact'],
    ['api.example.com', '/b', 'wild'],
    ['example.com', '/b', 'any'],
    ['x.sub.example.com', '/d/1', 'deeper'],
    ['x.sub.example.com', '/e', 'wild'],
    ['mytest.org', '/', 'suffix'],
    ['upper.example.net', '/', 'upper'],
    ['[::1]', '/', 'v6'],
    ['one.net', '/', 'two'],
    ['two.net', '/', 'two'],
    ['', '/', 'any'],
    [`${'x.'.repeat(5000)}example.com`, '/', 'wild'],
  ]
  for (const [host, path, id] of cases) {
    test(`${host.slice(0, 40)}${path} goes to ${id}`, () => {
      assert.equal(match(router, path, host), id)
    })
  }

  test('what refuses a method under one host is tried under the next', () => {
    assert.equal(match(router, '/b', 'api.example.com', 'POST'), 'any')
  })

  test('a wildcard for all hosts goes before routes without hosts, after all others', () => {
    const all = routerOf({ none: { uri: '/*' }, star: { uri: '/*', hosts: ['*'] } })
    assert.equal(match(all, '/', 'x'), 'star')
    assert.equal(match(all, '/', ''), 'star')
  })

  test('no path reaches the routes of another host', () => {
    const secret = routerOf({ secret: { uri: '/*', hosts: ['a.com'] }, open: { uri: '/open' } })
    for (const path of ['/1/', '/1//', '/../1/', '//1//x', '/0//open', '/']) {
      assert.equal(match(secret, path, 'b.com'), undefined)
    }
  })
})

suite('router: candidates of one uri', () => {
  test('higher priority first, then the smaller id', () => {
    const router = routerOf({ c: {}, b: {}, a: { priority: -1 }, d: { priority: 2 } })
    assert.equal(match(router, '/'), 'd')
    router.delete('d')
    assert.equal(match(router, '/'), 'b')
    router.delete('b')
    assert.equal(match(router, '/'), 'c')
    router.delete('c')
    assert.equal(match(router, '/'), 'a')
  })

  test('priority never beats a more specific uri', () => {
    const router = routerOf({ long: { uri: '/a/b/*' }, short: { uri: '/a/*', priority: 100 } })
    assert.equal(match(router, '/a/b/c'), 'long')
  })

  test('a candidate of another method is passed over, down to shorter prefixes', () => {
    const router = routerOf({
      exact: { uri: '/a/b', methods: ['POST'] },
      get: { uri: '/a/*', methods: ['GET', 'HEAD'] },
      all: { uri: '/*' },
    })
    assert.equal(match(router, '/a/b', 'h', 'POST'), 'exact')
    assert.equal(match(router, '/a/b', 'h', 'HEAD'), 'get')
    assert.equal(match(router, '/a/b', 'h', 'PURGE'), 'all')
  })

  test('a candidate that does not accept the request is passed over', () => {
    const router = routerOf({
      picky: { uri: '/*', priority: 1, accepts: ({ path }) => path === '/yes' },
      all: { uri: '/*' },
    })
    assert.equal(match(router, '/yes'), 'picky')
    assert.equal(match(router, '/no'), 'all')
  })

  test('more candidates than find-my-way allows for one pattern', () => {
    const router = createRouter<string>()
    for (let i = 0; i < 100; i++) router.put(`${i}`, rule({ methods: [`M${i}`] }), `${i}`)
    assert.equal(match(router, '/', 'h', 'M77'), '77')
  })
})

suite('router: changes', () => {
  test('put replaces and delete removes, both any number of times', () => {
    const router = routerOf({ a: { uri: '/one' } })
    router.put('a', rule({ uris: ['/two', '/three', '/two'], hosts: ['h'] }), 'a2')
    assert.equal(match(router, '/one'), undefined)
    assert.equal(match(router, '/two'), 'a2')
    assert.equal(match(router, '/three'), 'a2')
    assert.equal(router.size, 1)
    router.delete('a')
    router.delete('a')
    assert.equal(match(router, '/two'), undefined)
    assert.equal(router.size, 0)
    router.put('a', rule({ uri: '/two' }), 'a3')
    assert.equal(match(router, '/two'), 'a3')
  })

  for (const bad of [{ uri: 'a' }, { uri: '/\ud800' }, { uris: [] }, { uri: '' }]) {
    test(`a rule with ${JSON.stringify(bad)} is refused and leaves the old one in place`, () => {
      const router = routerOf({ a: { uri: '/a' } })
      const uris = bad.uris ?? ['/fine', bad.uri]
      assert.throws(() => router.put('a', rule({ uris }), 'x'), { code: 'GW_CONFIG_INVALID' })
      assert.equal(match(router, '/a'), 'a')
      assert.equal(match(router, '/fine'), undefined)
    })
  }

  for (const host of ['', 'a.*', '*.*', 'x'.repeat(256)]) {
    test(`the host ${host.slice(0, 5)} is refused`, () => {
      const router = createRouter<string>()
      const put = () => router.put('a', rule({ hosts: ['ok', host] }), 'a')
      assert.throws(put, { code: 'GW_CONFIG_INVALID' })
      assert.equal(match(router, '/', 'ok'), undefined)
    })
  }

  test('names of Object.prototype are ordinary ids, hosts and paths', () => {
    const router = routerOf({ __proto__x: { uri: '/__proto__', hosts: ['constructor'] } })
    router.put('__proto__', rule({ uri: '/toString' }), 'proto')
    assert.equal(match(router, '/toString'), 'proto')
    assert.equal(match(router, '/__proto__', 'constructor'), '__proto__x')
    assert.equal(match(router, '/', '__proto__'), undefined)
  })
})

suite('router: background rebuild of prefixes within a segment', () => {
  /** A router whose rebuild slices run one by one on demand. */
  function manualRouter() {
    const slices: (() => void)[] = []
    const router = createRouter<number>({ schedule: (slice) => slices.push(slice) })
    return { router, slices }
  }

  function range(from: number, to: number): number[] {
    return Array.from({ length: to - from }, (_, i) => from + i)
  }

  function put(router: Router<number>, i: number) {
    router.put(`${i}`, rule({ uri: `/r${i}x*`, hosts: i % 2 ? [`h${i}`] : [] }), i)
  }

  function routeOf(router: Router<number>, i: number) {
    return router.match({ method: 'GET', host: `h${i}`, path: `/r${i}xy` })
  }

  function assertRoutes(router: Router<number>, expected: Map<number, number | undefined>) {
    for (const [i, value] of expected) assert.equal(routeOf(router, i), value)
  }

  test('starts when most patterns are empty and keeps changes made meanwhile', () => {
    const { router, slices } = manualRouter()
    for (const i of range(0, 4000)) put(router, i)
    for (const i of range(0, 1999)) router.delete(`${i}`)
    assert.equal(slices.length, 0)
    for (const i of range(1999, 2100)) router.delete(`${i}`)
    assert.equal(slices.length, 1)

    const expected = new Map<number, number | undefined>()
    for (const i of range(0, 4000)) expected.set(i, i < 2100 ? undefined : i)
    for (let step = 0; slices.length > 0; step++) {
      slices.shift()?.()
      const born = 5000 + step
      const revived = step
      const gone = 3999 - step
      put(router, born)
      put(router, revived)
      router.delete(`${gone}`)
      expected.set(born, born).set(revived, revived).set(gone, undefined)
      assertRoutes(router, expected)
    }
    assert.ok(router.patterns < 2200, `${router.patterns} patterns are left`)
  })

  test('hosts share the prefixes of the tree', () => {
    const { router } = manualRouter()
    const uris = Array.from({ length: 100 }, (_, i) => `/shop-${i}-*`)
    const hosts = Array.from({ length: 100 }, (_, i) => `h${i}`)
    router.put('a', rule({ uris, hosts }), 1)
    router.put('b', rule({ uris: ['/shop-7-*'], hosts: ['other'] }), 2)
    assert.equal(router.match({ method: 'GET', host: 'h99', path: '/shop-7-x' }), 1)
    assert.equal(router.match({ method: 'GET', host: 'other', path: '/shop-7-x' }), 2)
    assert.equal(router.match({ method: 'GET', host: 'other', path: '/shop-8-x' }), undefined)
    router.delete('a')
    assert.equal(router.match({ method: 'GET', host: 'h99', path: '/shop-7-x' }), undefined)
    assert.equal(router.match({ method: 'GET', host: 'other', path: '/shop-7-x' }), 2)
    router.delete('b')
    // What is left in the tree costs 10 µs each to put there.
    assert.equal(router.patterns, 100)
  })

  test('deleting everything ends with a small tree', () => {
    const { router, slices } = manualRouter()
    for (let i = 0; i < 3000; i++) put(router, i)
    for (let i = 0; i < 3000; i++) router.delete(`${i}`)
    while (slices.length > 0) slices.shift()?.()
    assert.ok(router.patterns <= 1000, `${router.patterns} patterns are left`)
    put(router, 1)
    assert.equal(routeOf(router, 1), 1)
  })
})

suite('router: against a plain model', () => {
  const uri = fc
    .array(fc.constantFrom('a', 'b', '/', '*', ':', '%', '?'), { maxLength: 5 })
    .map((pieces) => `/${pieces.join('')}`)
  const host = fc.constantFrom('x.com', '*.x.com', '*.y.x.com', '*x.com', '*')
  const entry = fc.record({
    id: fc.integer({ min: 0, max: 8 }).map(String),
    uris: fc.array(uri, { minLength: 1, maxLength: 2 }),
    hosts: fc.array(host, { maxLength: 2 }),
    methods: fc.constantFrom(undefined, ['GET'], ['POST', 'PUT']),
    priority: fc.integer({ min: 0, max: 1 }),
    gone: fc.boolean(),
  })
  const request = fc.record({
    host: fc.constantFrom('x.com', 'z.x.com', 'q.y.x.com', 'ax.com', 'other'),
    path: uri.map((path) => path.replaceAll('*', 'b')),
    method: fc.constantFrom('GET', 'POST', 'DELETE'),
  })

  test('agrees with a linear search over all routes', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), fc.array(request), (entries, requests) => {
        const router = createRouter<string>()
        const model = new Map<string, MatchRule>()
        for (const { id, gone, ...part } of entries) {
          if (gone) router.delete(id)
          else router.put(id, part, id)
          if (gone) model.delete(id)
          else model.set(id, part)
        }
        for (const one of requests) assert.equal(router.match(one), linearMatch(model, one))
      }),
      { numRuns: 300 },
    )
  })
})

type Rank = (number | string)[]

/** The order that the router promises, spelled out slowly. */
function linearMatch(rules: Map<string, MatchRule>, request: MatchRequest): string | undefined {
  const found: { id: string; rank: Rank }[] = []
  for (const [id, rule] of rules) {
    if (rule.methods !== undefined && !rule.methods.includes(request.method)) continue
    for (const rank of ranksOf(rule, request)) found.push({ id, rank: [...rank, id] })
  }
  found.sort((a, b) => compareRanks(a.rank, b.rank))
  return found[0]?.id
}

/** One rank per pair of host and uri that fits; smaller = better. */
function ranksOf(rule: MatchRule, { host, path }: MatchRequest): Rank[] {
  const hosts = rule.hosts.length === 0 ? [undefined] : rule.hosts
  const hostRanks = hosts.map((one) => rankHost(one, host)).filter((rank) => rank !== undefined)
  const uris = rule.uris.filter((uri) => uriFits(uri, path))
  return hostRanks.flatMap((hostRank) =>
    uris.map((uri) => [-hostRank, rankUri(uri), -rule.priority, -uri.length]),
  )
}

function rankUri(uri: string): number {
  return uri.includes('*') ? -uri.indexOf('*') : Number.NEGATIVE_INFINITY
}

function uriFits(uri: string, path: string): boolean {
  const star = uri.indexOf('*')
  if (star === -1) return uri === path
  if (!path.startsWith(uri.slice(0, star))) return false
  if (!/\/\*/.test(uri)) return true
  const glob = uri.replaceAll(/\/\*[^/]*/g, '/*').split(/\*+/)
  const source = glob.map((piece) => piece.replaceAll(/[?:]/g, '\\$&')).join('.*')
  return new RegExp(`^${source}$`, 's').test(path)
}

function rankHost(pattern: string | undefined, host: string): number | undefined {
  if (pattern === undefined) return -1
  if (!pattern.startsWith('*')) return pattern === host ? 1000 : undefined
  return host.endsWith(pattern.slice(1)) ? pattern.length - 1 : undefined
}

function compareRanks(a: Rank, b: Rank): number {
  for (const [i, left] of a.entries()) {
    const right = b[i] ?? 0
    if (left !== right) return left < right ? -1 : 1
  }
  return 0
}
