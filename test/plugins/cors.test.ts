import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import cors from '../../src/plugins/cors.ts'
import { configure, createRequest, filterResponse, replyOf } from '../helpers/plugin-harness.ts'

const METADATA = {
  allow_origins: { key_1: 'https://domain.com,https://sub.domain.com', key_2: '*' },
}

/** The headers that the plugin adds, without `Access-Control-` and by lower-case name. */
async function added(config: Record<string, unknown>, origin?: string, asked?: string) {
  const headers = [
    ...(origin === undefined ? [] : ['Origin', origin]),
    ...(asked === undefined ? [] : ['Access-Control-Request-Headers', asked]),
  ]
  const instance = configure(cors, config, { metadata: () => METADATA })
  const filtered = await filterResponse(instance, createRequest({ headers }), {})
  const result: Record<string, string> = {}
  for (let i = 0; i < filtered.headers.length; i += 2) {
    const name = (filtered.headers[i] as string).toLowerCase().replace('access-control-', '')
    result[name] = filtered.headers[i + 1] as string
  }
  return result
}

const OPEN = { 'allow-methods': '*', 'allow-headers': '*', 'max-age': '5' }
const A = 'http://a.com'

suite('cors', () => {
  const cases = [
    { name: 'all by default', config: {}, origin: A, added: { 'allow-origin': '*', ...OPEN } },
    {
      name: 'all, also without Origin',
      config: {},
      origin: undefined,
      added: { 'allow-origin': '*', ...OPEN },
    },
    {
      name: 'one of a list',
      config: {
        allow_origins: `http://b.com,${A}`,
        allow_methods: 'GET,POST',
        allow_headers: 'h1',
        expose_headers: 'e1',
        max_age: 50,
        allow_credential: true,
      },
      origin: A,
      added: {
        vary: 'Origin',
        'allow-origin': A,
        'allow-methods': 'GET,POST',
        'allow-headers': 'h1',
        'expose-headers': 'e1',
        'max-age': '50',
        'allow-credentials': 'true',
      },
    },
    {
      name: 'the only one',
      config: { allow_origins: A },
      origin: A,
      added: { vary: 'Origin', 'allow-origin': A, ...OPEN },
    },
    {
      name: 'not the only one',
      config: { allow_origins: A },
      origin: 'http://b.com',
      added: { vary: 'Origin' },
    },
    {
      name: 'the only one, but nobody asked',
      config: { allow_origins: A },
      origin: undefined,
      added: { vary: 'Origin' },
    },
    {
      name: 'by metadata, though not the only one',
      config: { allow_origins_by_metadata: ['key_1'], allow_origins: A },
      origin: 'https://domain.com',
      added: { vary: 'Origin', 'allow-origin': 'https://domain.com', ...OPEN },
    },
    {
      name: 'none of a list',
      config: { allow_origins: `http://b.com,${A}` },
      origin: 'http://c.com',
      added: { vary: 'Origin' },
    },
    {
      name: 'whoever asks',
      config: {
        allow_origins: '**',
        allow_methods: '**',
        allow_headers: '**',
        expose_headers: '*',
      },
      origin: A,
      asked: 'r1,r2',
      added: {
        vary: 'Origin',
        'allow-origin': A,
        'allow-methods': 'GET,POST,PUT,DELETE,PATCH,HEAD,OPTIONS,CONNECT,TRACE',
        'allow-headers': 'r1,r2',
        'expose-headers': '*',
        'max-age': '5',
      },
    },
    {
      name: 'whoever asks, but nobody did',
      config: { allow_origins: '**', allow_headers: '**' },
      origin: undefined,
      added: { vary: 'Origin', 'allow-origin': '*', 'allow-methods': '*', 'max-age': '5' },
    },
    {
      name: 'by pattern',
      config: { allow_origins_by_regex: ['.*\\.test\\.com$'] },
      origin: 'http://x.test.com',
      added: { vary: 'Origin', 'allow-origin': 'http://x.test.com', ...OPEN },
    },
    {
      name: 'by no pattern',
      config: { allow_origins_by_regex: ['.*\\.test\\.com$'] },
      origin: 'http://x.test.com.evil',
      added: { vary: 'Origin' },
    },
    {
      name: 'by metadata',
      config: { allow_origins_by_metadata: ['key_1'] },
      origin: 'https://sub.domain.com',
      added: { vary: 'Origin', 'allow-origin': 'https://sub.domain.com', ...OPEN },
    },
    {
      name: 'by metadata that allows all',
      config: { allow_origins_by_metadata: ['key_2'] },
      origin: A,
      added: { vary: 'Origin', 'allow-origin': A, ...OPEN },
    },
    {
      name: 'by metadata that is not there',
      config: { allow_origins_by_metadata: ['nobody'] },
      origin: A,
      added: { vary: 'Origin' },
    },
    {
      name: 'by metadata or list',
      config: { allow_origins_by_metadata: ['key_1'], allow_origins: `${A},http://b.com` },
      origin: A,
      added: { vary: 'Origin', 'allow-origin': A, ...OPEN },
    },
    {
      name: 'timings',
      config: { timing_allow_origins: `${A},http://b.com` },
      origin: A,
      added: { 'allow-origin': '*', ...OPEN, 'timing-allow-origin': A },
    },
    {
      name: 'timings for others',
      config: { timing_allow_origins: A },
      origin: 'http://b.com',
      added: { 'allow-origin': '*', ...OPEN },
    },
    {
      name: 'timings by pattern',
      config: { timing_allow_origins_by_regex: ['a\\.com'] },
      origin: A,
      added: { 'allow-origin': '*', ...OPEN, 'timing-allow-origin': A },
    },
  ]
  for (const { name, config, origin, asked, added: expected } of cases) {
    test(name, async () => assert.deepEqual(await added(config, origin, asked), expected))
  }

  test('answers preflights, and nothing else', async () => {
    const instance = configure(cors, {})
    assert.deepEqual(await replyOf(instance, createRequest({ method: 'OPTIONS' })), { status: 200 })
    assert.equal(await replyOf(instance, createRequest()), undefined)
  })

  for (const name of ['allow_origins', 'allow_methods', 'allow_headers', 'expose_headers']) {
    test(`credentials exclude * for ${name}`, () => {
      const safe = {
        allow_origins: A,
        allow_methods: 'GET',
        allow_headers: 'h',
        expose_headers: 'e',
      }
      const config = { ...safe, allow_credential: true }
      configure(cors, config)
      assert.throws(() => configure(cors, { ...config, [name]: '*' }), /you can not set '\*'/)
    })
  }
})
