import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { suite, test } from 'node:test'
import { JOBS } from '../../src/jobs/jobs.ts'
import { GatewayError } from '../../src/model/errors.ts'
import type { JobRunner } from '../../src/plugins/contract.ts'
import jwtAuth from '../../src/plugins/jwt-auth.ts'
import { fieldValue } from '../../src/support/header-fields.ts'
import { consumersOf } from '../helpers/consumer-directory.ts'
import { configure, createRequest, type RequestFacts, replyOf } from '../helpers/plugin-harness.ts'
import { signToken } from '../helpers/sign-token.ts'

const NOW_S = 1_800_000_000
const SECRET = 'ann-secret'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const wideRsa = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 0x1000_0001 })
const curves = { 256: 'P-256', 384: 'P-384', 512: 'P-521' } as const
const ec = Object.fromEntries(
  Object.entries(curves).map(([bits, namedCurve]) => [
    `ES${bits}`,
    generateKeyPairSync('ec', { namedCurve }),
  ]),
)
const ed = generateKeyPairSync('ed25519')
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()

const PAIRS: Record<string, { publicKey: KeyObject; privateKey: KeyObject }> = {
  ...{ RS256: rsa, RS384: rsa, RS512: rsa, PS256: rsa, PS384: rsa, PS512: rsa },
  ...ec,
  EdDSA: ed,
}

const consumers = consumersOf(jwtAuth, {
  ann: { key: 'ann', secret: SECRET },
  HS384: { key: 'HS384', secret: SECRET, algorithm: 'HS384' },
  HS512: { key: 'HS512', secret: SECRET, algorithm: 'HS512' },
  base64: {
    key: 'base64',
    secret: Buffer.from('\x00\xff bytes', 'latin1').toString('base64'),
    base64_secret: true,
  },
  lenient: { key: 'lenient', secret: SECRET, lifetime_grace_period: 10 },
  wide: { key: 'wide', algorithm: 'RS256', public_key: pem(wideRsa.publicKey) },
  broken: { key: 'broken', algorithm: 'RS256', public_key: 'no key' },
  guest: undefined,
  ...Object.fromEntries(
    Object.entries(PAIRS).map(([algorithm, { publicKey }]) => [
      algorithm,
      { key: algorithm, algorithm, public_key: pem(publicKey) },
    ]),
  ),
})

const jobsDone: string[] = []
const jobs: JobRunner = {
  run: async (name, input) => {
    jobsDone.push(name)
    return JOBS[name](input as never) as never
  },
}

async function ask(facts: RequestFacts, config = {}, host = {}) {
  const request = createRequest(facts)
  const now = () => NOW_S * 1000 + 999
  const instance = configure(jwtAuth, config, { consumers, now, jobs, ...host })
  const reply = await replyOf(instance, request)
  return { request, reply, who: request.consumer?.username }
}

const bearer = (token: string) => ({ headers: ['Authorization', `Bearer ${token}`] })
const annToken = (claims = {}, header = {}) =>
  signToken('HS256', SECRET, { key: 'ann', ...claims }, header)

const refused = (message = 'failed to verify jwt') => ({
  status: 401,
  headers: { 'WWW-Authenticate': 'Bearer realm="jwt"' },
  body: { message },
})

suite('jwt-auth', () => {
  for (const algorithm of Object.keys(PAIRS)) {
    test(`verifies ${algorithm}`, async () => {
      const { privateKey } = PAIRS[algorithm] as { privateKey: KeyObject }
      const good = signToken(algorithm, privateKey, { key: algorithm })
      assert.equal((await ask(bearer(good))).who, algorithm)
      const other = signToken(algorithm, privateKey, { key: algorithm, sub: 'x' })
      const mixed = good.slice(0, good.lastIndexOf('.')) + other.slice(other.lastIndexOf('.'))
      assert.deepEqual((await ask(bearer(mixed))).reply, refused())
      const short = good.slice(0, good.lastIndexOf('.') + 5)
      assert.deepEqual((await ask(bearer(short))).reply, refused())
      const none = good.slice(0, good.lastIndexOf('.') + 1)
      assert.deepEqual((await ask(bearer(none))).reply, refused())
    })
  }

  for (const algorithm of ['HS384', 'HS512']) {
    test(`verifies ${algorithm}`, async () => {
      const good = signToken(algorithm, SECRET, { key: algorithm })
      assert.equal((await ask(bearer(good))).who, algorithm)
    })
  }

  test('has threads verify what would hold up the event loop', async () => {
    const threaded = async (algorithm: string, key = algorithm, pair = PAIRS[algorithm]) => {
      jobsDone.length = 0
      const token = signToken(algorithm, pair?.privateKey as KeyObject, { key })
      assert.equal((await ask(bearer(token))).who, key)
      return jobsDone.length === 1
    }
    for (const algorithm of ['RS256', 'PS512', 'ES256']) {
      assert.equal(await threaded(algorithm), false, algorithm)
    }
    for (const algorithm of ['ES384', 'ES512', 'EdDSA']) {
      assert.equal(await threaded(algorithm), true, algorithm)
    }
    assert.equal(await threaded('RS256', 'wide', wideRsa), true)
  })

  test('answers 503 when threads have no time for it', async () => {
    const token = signToken('ES512', PAIRS['ES512']?.privateKey as KeyObject, { key: 'ES512' })
    for (const code of ['GW_JOB_REFUSED', 'GW_JOB_TIMEOUT'] as const) {
      const busy = { run: () => Promise.reject(new GatewayError(code, 'busy')) }
      const { reply } = await ask(bearer(token), { anonymous_consumer: 'guest' }, { jobs: busy })
      assert.equal(reply?.status, 503)
    }
    const faulty = { run: () => Promise.reject(new Error('bad key')) }
    assert.deepEqual((await ask(bearer(token), {}, { jobs: faulty })).reply, refused())
  })

  const places: [string, RequestFacts, object][] = [
    ['in Authorization', bearer(annToken()), {}],
    ['without Bearer', { headers: ['Authorization', annToken()] }, {}],
    ['in another field', { headers: ['X-Token', `bearer ${annToken()}`] }, { header: 'X-Token' }],
    ['in the query', { target: `/?a=1&jwt=${annToken()}` }, {}],
    ['in a cookie', { headers: ['Cookie', `a=1; jwt=${annToken()}; b=2`] }, {}],
    ['in another cookie', { headers: ['Cookie', `t=${annToken()}`] }, { cookie: 't' }],
  ]
  for (const [name, facts, config] of places) {
    test(`finds a token ${name}, and hides it`, async () => {
      const shown = await ask(facts, config)
      assert.equal(shown.who, 'ann')
      assert.equal(shown.request.forwardTarget, facts.target ?? '/')
      const hidden = await ask(facts, { ...config, hide_credentials: true })
      assert.equal(hidden.who, 'ann')
      const { headers, forwardTarget } = hidden.request
      assert.doesNotMatch(`${headers} ${forwardTarget}`, /eyJ/)
      if (name === 'in a cookie') assert.equal(fieldValue(headers, 'cookie'), 'a=1; b=2')
      if (name === 'in the query') assert.equal(forwardTarget, '/?a=1')
    })
  }

  const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const [head = '', body = '', tail = ''] = annToken().split('.')
  const confused = signToken('HS256', pem(rsa.publicKey), { key: 'RS256' })
  const bad: [string, RequestFacts, string][] = [
    ['nothing', {}, 'Missing JWT token in request'],
    ['what is no token', bearer('hello'), 'JWT token invalid'],
    ['an empty field', { headers: ['Authorization', ''] }, 'JWT token invalid'],
    ['two tokens', { target: `/?jwt=${annToken()}&jwt=x` }, 'JWT token invalid'],
    ['four parts', bearer(`${annToken()}.x`), 'JWT token invalid'],
    ['padding', bearer(`${head}=.${body}.${tail}`), 'JWT token invalid'],
    [
      'bits that stand for nothing',
      bearer(`${head}.${body}.${tail.slice(0, -1)}_`),
      'JWT token invalid',
    ],
    ['a header that is no object', bearer(`${b64(1)}.${body}.${tail}`), 'JWT token invalid'],
    ['a payload that is no object', bearer(`${head}.${b64([])}.${tail}`), 'JWT token invalid'],
    ['a payload that is no JSON', bearer(`${head}.e30x.${tail}`), 'JWT token invalid'],
    ['crit', bearer(annToken({}, { crit: ['b64'], b64: false })), 'JWT token invalid'],
    ['no key', bearer(signToken('HS256', SECRET, {})), 'missing user key in JWT token'],
    ['a key that is no text', bearer(annToken({ key: 1 })), 'failed to verify jwt'],
    ['an unknown key', bearer(annToken({ key: 'nobody' })), 'failed to verify jwt'],
    ['a wrong secret', bearer(signToken('HS256', 'x', { key: 'ann' })), 'failed to verify jwt'],
    ['alg none', bearer(signToken('none', '', { key: 'ann' })), 'failed to verify jwt'],
    ['no alg', bearer(annToken({}, { alg: undefined })), 'failed to verify jwt'],
    ['another alg', bearer(signToken('HS512', SECRET, { key: 'ann' })), 'failed to verify jwt'],
    ['a public key as secret', bearer(confused), 'failed to verify jwt'],
    [
      'a credential without a key',
      bearer(signToken('RS256', rsa.privateKey, { key: 'broken' })),
      'failed to verify jwt',
    ],
  ]
  for (const [name, facts, message] of bad) {
    test(`refuses ${name}`, async () => {
      assert.deepEqual((await ask(facts)).reply, refused(message))
    })
  }

  const times: [object, object, boolean][] = [
    [{}, {}, true],
    [{ exp: NOW_S + 1 }, {}, true],
    [{ exp: NOW_S }, {}, false],
    [{ exp: `${NOW_S + 1}` }, {}, false],
    [{ exp: null }, {}, false],
    [{ nbf: NOW_S - 1 }, {}, true],
    [{ nbf: NOW_S }, {}, false],
    [{ exp: NOW_S }, { claims_to_verify: [] }, false],
    [{ exp: NOW_S }, { claims_to_verify: ['nbf'] }, false],
    [{ exp: NOW_S, nbf: NOW_S - 1 }, { claims_to_verify: ['nbf'] }, true],
    [{}, { claims_to_verify: ['exp'] }, false],
    [{ exp: NOW_S + 1 }, { claims_to_verify: ['exp'] }, true],
    [{ exp: NOW_S - 9, key: 'lenient' }, {}, true],
    [{ exp: NOW_S - 10, key: 'lenient' }, {}, false],
    [{ nbf: NOW_S + 9, key: 'lenient' }, {}, true],
    [{ nbf: NOW_S + 10, key: 'lenient' }, {}, false],
  ]
  for (const [claims, config, passes] of times) {
    const verdict = passes ? 'is valid' : 'is not valid'
    test(`a token of ${JSON.stringify(claims)} under ${JSON.stringify(config)} ${verdict}`, async () => {
      const { reply } = await ask(bearer(annToken(claims)), config)
      assert.deepEqual(reply, passes ? undefined : refused())
    })
  }

  test('takes the key from another claim, and a secret in base64', async () => {
    const iss = signToken('HS256', SECRET, { iss: 'ann' })
    assert.equal((await ask(bearer(iss), { key_claim_name: 'iss' })).who, 'ann')
    const secret = Buffer.from('\x00\xff bytes', 'latin1') as unknown as string
    assert.equal((await ask(bearer(signToken('HS256', secret, { key: 'base64' })))).who, 'base64')
    const inherited = { key_claim_name: 'constructor' }
    assert.deepEqual((await ask(bearer(annToken()), inherited)).reply?.body, {
      message: 'missing user key in JWT token',
    })
  })

  test('leaves the payload for others', async () => {
    const { request } = await ask(bearer(annToken({ sub: 's' })), { store_in_ctx: true })
    assert.equal(request.getVariable('jwt_auth_payload'), '{"key":"ann","sub":"s"}')
    assert.equal((await ask(bearer(annToken()))).request.getVariable('jwt_auth_payload'), undefined)
  })

  test('strangers may be the anonymous consumer, without their tokens', async () => {
    const config = { anonymous_consumer: 'guest', hide_credentials: true }
    assert.equal((await ask({}, config)).who, 'guest')
    const stranger = await ask(bearer(annToken({ exp: 1 })), config)
    assert.equal(stranger.who, 'guest')
    assert.equal(fieldValue(stranger.request.headers, 'authorization'), undefined)
  })

  const credentials: [object, RegExp][] = [
    [{ algorithm: 'HS256' }, /property "secret" is required when using HS based algorithms/],
    [{ secret: 'a!', base64_secret: true }, /base64_secret required but the secret is not in/],
    [{ algorithm: 'RS256' }, /missing valid public key/],
    [{ algorithm: 'RS256', public_key: 'x' }, /missing valid public key/],
    [
      { algorithm: 'ES384', public_key: pem(ec['ES256']?.publicKey as KeyObject) },
      /not one for ES384/,
    ],
    [{ algorithm: 'EdDSA', public_key: pem(rsa.publicKey) }, /not one for EdDSA/],
  ]
  for (const [config, reason] of credentials) {
    test(`a credential of ${JSON.stringify(config).slice(0, 60)} is refused`, () => {
      const complete = { key: 'k', algorithm: 'HS256', ...config }
      assert.throws(() => jwtAuth.checkConsumer?.(complete), reason)
    })
  }

  test('what stands for a secret is not looked at before it is resolved', () => {
    const secret = { algorithm: 'HS256', secret: '$env://A', base64_secret: true }
    jwtAuth.checkConsumer?.({ key: 'k', ...secret })
    jwtAuth.checkConsumer?.({ key: 'k', algorithm: 'RS256', public_key: '$secret://vault/1/a/b' })
  })
})
