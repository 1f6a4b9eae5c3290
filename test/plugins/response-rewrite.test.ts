import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import type { PluginHost } from '../../src/plugins/contract.ts'
import responseRewrite from '../../src/plugins/response-rewrite.ts'
import { configure, createRequest, filterResponse } from '../helpers/plugin-harness.ts'

type Answer = Parameters<typeof filterResponse>[2]

async function rewrite(
  config: Record<string, unknown>,
  response: Answer = {},
  host: Partial<PluginHost> = {},
): Promise<{ status: number; headers: string[]; text: string }> {
  const instance = configure(responseRewrite, config, host)
  const request = createRequest({ target: '/?a=1%0d%0aX:y' })
  const { status, headers, body } = await filterResponse(instance, request, response)
  return { status, headers, text: body.toString() }
}

/** The body after one filter, or several. */
async function filtered(filters: object | object[], body: string | Buffer): Promise<string> {
  return (await rewrite({ filters: [filters].flat() }, { body })).text
}

const OLD = [
  'ETag',
  '"1"',
  'Last-Modified',
  'x',
  'Content-Encoding',
  'deflate',
  'Content-Type',
  'a/b',
]

suite('response-rewrite: status, headers, body', () => {
  const headers = ['A', '1', 'a', '2', 'B', 'b']
  const cases: [string, object, string[]][] = [
    ['flat: set, empty removes', { a: 3, B: '', c: '$remote_addr' }, ['A', '3', 'c', '192.0.2.1']],
    [
      'add',
      { add: ['A: no-cache', 'C : x, y; z=1 '] },
      [...headers, 'A', 'no-cache', 'C', 'x, y; z=1'],
    ],
    [
      'added Content-Type takes the place of the other',
      { set: { a: 'z' }, remove: ['B'], add: ['content-type: a/b', 'Content-Type: a/c'] },
      ['A', 'z', 'content-type', 'a/c'],
    ],
    [
      'set after add, remove last',
      { add: ['A:0', 'B:0'], set: { a: 'z' }, remove: ['b'] },
      ['A', 'z'],
    ],
    ['a variable ends no line', { set: { A: '$arg_a' }, remove: ['B'] }, ['A', '1X:y']],
  ]
  for (const [name, config, expected] of cases) {
    test(name, async () => {
      assert.deepEqual((await rewrite({ headers: config }, { headers })).headers, expected)
    })
  }

  test('a body takes the place of the old one, whatever its encoding', async () => {
    const answer = await rewrite({ body: 'new\n', status_code: 403 }, { headers: OLD, body: 'x' })
    assert.deepEqual(answer, { status: 403, headers: ['Content-Type', 'a/b'], text: 'new\n' })
  })

  test('an empty body, and one in base64', async () => {
    assert.equal((await rewrite({ body: '' }, { body: 'x' })).text, '')
    const encoded = await rewrite({ body: 'SGVsbG8K', body_base64: true }, { body: 'x' })
    assert.equal(encoded.text, 'Hello\n')
  })

  test('conditions know the status', async () => {
    const config = { body: 'new', status_code: 403, vars: [['status', '==', 500]] }
    assert.equal((await rewrite(config, { status: 500, body: 'old' })).status, 403)
    const kept = await rewrite(config, { status: 200, body: 'old', headers: OLD })
    assert.deepEqual(kept, { status: 200, headers: OLD, text: 'old' })
  })
})

suite('response-rewrite: filters', () => {
  const l = { regex: 'l', replace: 't' }
  const cases: [string, object | object[], string, string][] = [
    ['once', l, 'hello world', 'hetlo world'],
    ['global', { ...l, scope: 'global' }, 'hello world', 'hetto wortd'],
    [
      'several',
      [
        { regex: 'hello', replace: 'HELLO' },
        { regex: 'L', replace: 'T' },
      ],
      'hello',
      'HETLO',
    ],
    ['with nothing', { regex: 'hello', replace: '' }, 'hello world', ' world'],
    ['classes', { regex: '\\w\\S+$', replace: '*' }, 'hello world', 'hello *'],
    ['groups', { regex: '(h)(e)', replace: '$2$1$$' }, 'hello', 'eh$llo'],
    ['in any letter case', { regex: 'HELLO', replace: 'x', options: 'ijo' }, 'hello', 'x'],
    ['bytes', { regex: '^..', replace: '' }, 'üx', 'x'],
    ['characters', { regex: '^.', replace: 'é', options: 'u' }, 'üx', 'éx'],
    ['a text beyond ASCII', { regex: 'ü', replace: 'ö€' }, 'xüx', 'xö€x'],
    ['no match', { regex: 'test', replace: 'x' }, 'hello', 'hello'],
  ]
  for (const [name, filter, body, expected] of cases) {
    test(name, async () => assert.equal(await filtered(filter, body), expected))
  }

  test('bytes that are no text survive', async () => {
    const body = Buffer.from([0xff, 0x00, 0x61, 0xfe])
    const filters = [{ regex: 'a', replace: 'b' }]
    const instance = configure(responseRewrite, { filters })
    const { body: changed } = await filterResponse(instance, createRequest(), { body })
    assert.deepEqual(changed, Buffer.from([0xff, 0x00, 0x62, 0xfe]))
    const characters = [{ regex: 'a', replace: 'b', options: 'u' }]
    const careful = configure(responseRewrite, { filters: characters })
    assert.deepEqual((await filterResponse(careful, createRequest(), { body })).body, body)
  })

  const encoders = { gzip: gzipSync, br: brotliCompressSync }
  for (const [encoding, encode] of Object.entries(encoders)) {
    test(`reads ${encoding}`, async () => {
      const headers = ['Content-Encoding', encoding, 'ETag', 'x', 'A', 'b']
      const body = encode('hello world')
      const answer = await rewrite({ filters: [l], headers: { c: 'd' } }, { headers, body })
      assert.deepEqual(answer, { status: 200, headers: ['A', 'b', 'c', 'd'], text: 'hetlo world' })
    })
  }

  test('leaves an encoding alone that it can not read', async () => {
    const body = deflateSync('hello')
    const answer = await rewrite({ filters: [l], status_code: 201 }, { headers: OLD, body })
    assert.deepEqual([answer.status, answer.headers], [201, OLD])
    assert.equal(answer.text, body.toString())
  })

  test('an answer known to be too large is a 502, one that turns out to be fails', async () => {
    const config = { filters: [l], max_resp_body_size: 5 }
    const answer = await rewrite(config, { body: 'hello world' })
    assert.deepEqual([answer.status, answer.text], [502, '{"error_msg":"502 Bad Gateway"}'])
    const bomb = { headers: ['Content-Encoding', 'gzip'], body: gzipSync('l'.repeat(100_000)) }
    await assert.rejects(
      rewrite({ ...config, max_resp_body_size: 1_000 }, bomb),
      /larger than 1000/,
    )
    const filter = configure(responseRewrite, config).bodyFilter
    assert.ok(filter)
  })

  const sizes: [string, string, number, boolean][] = [
    ['a small body', 'l', 65_536, false],
    ['a large body', 'l', 65_537, true],
    ['a small body with a costly pattern', '(a+)+l', 1_024, false],
    ['a middling body with a costly pattern', '(a+)+l', 1_025, true],
  ]
  for (const [name, regex, size, inThread] of sizes) {
    test(`${name} is changed ${inThread ? 'in a thread' : 'at once'}`, async () => {
      const jobs = { run: () => Promise.reject(new Error('asked')) }
      const body = 'al'.padEnd(size, '.')
      const changed = rewrite({ filters: [{ regex, replace: 'x' }] }, { body }, { jobs })
      if (inThread) await assert.rejects(changed, /asked/)
      else assert.match((await changed).text, /^a?x\.+$/)
      const { text } = await rewrite({ filters: [{ regex, replace: 'ü' }] }, { body })
      assert.match(text, /^a?ü\.+$/)
    })
  }
})

suite('response-rewrite: refusals', () => {
  const cases: [string, Record<string, unknown>, RegExp][] = [
    ['body and filters', { body: '', filters: [{ regex: 'a', replace: '' }] }, /only one of/],
    ['bad base64', { body: '1', body_base64: true }, /invalid base64 content/],
    ['no base64', { body_base64: true }, /invalid base64 content/],
    ['a bad pattern', { filters: [{ regex: '(', replace: '' }] }, /validation failed/],
    [
      'a bad option',
      { filters: [{ regex: 'a', replace: '', options: 'h' }] },
      /unknown flag "h" \(flags "h"\)/,
    ],
    [
      'a bad replacement',
      { filters: [{ regex: 'a', replace: '$x' }] },
      /invalid capturing variable/,
    ],
    [
      'bad conditions',
      { body: '', vars: [['a', '=~~', 1]] },
      /failed to validate the 'vars' expression/,
    ],
    ['a name of nothing', { headers: { '': 'a' } }, /invalid field length in header/],
    ['a bad line', { headers: { add: ['a b: c'] } }, /invalid header to add/],
    ['framing', { headers: { set: { 'Transfer-Encoding': 'x' } } }, /set by the gateway itself/],
  ]
  for (const [name, config, reason] of cases) {
    test(name, () => assert.throws(() => configure(responseRewrite, config), reason))
  }
})
