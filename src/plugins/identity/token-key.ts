import {
  constants,
  createHmac,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
  verify,
} from 'node:crypto'
import { ConfigError } from '../../model/errors.ts'
import type { JobRunner } from '../contract.ts'
import type { JsonWebToken } from './json-web-token.ts'

type Signed = Pick<JsonWebToken, 'signed' | 'signature'>

/** What verifies the signatures of one credential. */
export interface TokenKey {
  /** A promise only when threads do it. @throws JobError then, when they can't. */
  verify(token: Signed, jobs: JobRunner): boolean | Promise<boolean>
}

/** What a credential says of its key. */
export interface TokenCredential {
  algorithm: string
  secret?: string
  base64_secret?: boolean
  public_key?: string
}

interface Algorithm {
  readonly hash: string | undefined
  /** What keys must be: types, or the curve. */
  readonly types: readonly string[]
  readonly curve?: string
  readonly pss?: boolean
}

const HMAC: readonly string[] = ['hmac']
const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  HS256: { hash: 'sha256', types: HMAC },
  HS384: { hash: 'sha384', types: HMAC },
  HS512: { hash: 'sha512', types: HMAC },
  RS256: { hash: 'sha256', types: ['rsa'] },
  RS384: { hash: 'sha384', types: ['rsa'] },
  RS512: { hash: 'sha512', types: ['rsa'] },
  PS256: { hash: 'sha256', types: ['rsa', 'rsa-pss'], pss: true },
  PS384: { hash: 'sha384', types: ['rsa', 'rsa-pss'], pss: true },
  PS512: { hash: 'sha512', types: ['rsa', 'rsa-pss'], pss: true },
  ES256: { hash: 'sha256', types: ['ec'], curve: 'prime256v1' },
  ES384: { hash: 'sha384', types: ['ec'], curve: 'secp384r1' },
  ES512: { hash: 'sha512', types: ['ec'], curve: 'secp521r1' },
  EdDSA: { hash: undefined, types: ['ed25519', 'ed448'] },
}

/** Names of all algorithms (RFC 7518, section 3.1, and RFC 8037), but for `none`. */
export const TOKEN_ALGORITHMS: readonly string[] = Object.keys(ALGORITHMS)

export function isHmac(algorithm: string): boolean {
  return algorithm.startsWith('HS')
}

/**
 * Handing a signature to a thread costs 60–80 µs of the event loop. RSA up to 4096 bits costs 20–60
 * µs and P-256 50 µs; Ed25519 100 µs, P-384 and P-521 500–1400 µs (bench/jobs.ts).
 */
const MAX_INLINE_RSA_BITS = 4096
const MAX_INLINE_EXPONENT = 65_537n

const DEADLINE_MS = 1000

/** @throws ConfigError when the credential has no key that fits its algorithm. */
export function readTokenKey(credential: TokenCredential): TokenKey {
  const { algorithm: name, secret = '', base64_secret: isBase64, public_key: pem } = credential
  const algorithm = ALGORITHMS[name]
  if (algorithm === undefined) throw invalid(`there is no algorithm ${name}`)
  if (algorithm.types === HMAC) {
    return keyOf(algorithm, createSecretKey(Buffer.from(secret, isBase64 ? 'base64' : 'utf8')))
  }
  const key = parsePublicKey(pem)
  const { asymmetricKeyType: type = '', asymmetricKeyDetails: details } = key
  const fits = algorithm.types.includes(type) && details?.namedCurve === algorithm.curve
  if (!fits) throw invalid(`the public key is not one for ${name}`)
  return keyOf(algorithm, key)
}

function parsePublicKey(pem: string | undefined): KeyObject {
  try {
    return createPublicKey(pem ?? '')
  } catch {
    throw invalid('missing valid public key')
  }
}

/** A key whose signatures nobody can make, to refuse unknown credentials as slowly as wrong ones. */
export function createDecoyKey(name: string): TokenKey | undefined {
  const algorithm = ALGORITHMS[name]
  return algorithm && keyOf(algorithm, decoyFor(algorithm))
}

function decoyFor({ types, curve }: Algorithm): KeyObject {
  if (types === HMAC) return createSecretKey(randomBytes(32))
  if (curve !== undefined) return generateKeyPairSync('ec', { namedCurve: curve }).publicKey
  if (!types.includes('rsa')) return generateKeyPairSync('ed25519').publicKey
  const modulus = randomBytes(256)
  modulus[0] = 0xff
  // Verifying needs no primes, only an odd number.
  modulus[255] = 0xff
  const jwk = { kty: 'RSA', n: modulus.toString('base64url'), e: 'AQAB' }
  return createPublicKey({ key: jwk, format: 'jwk' })
}

function keyOf(algorithm: Algorithm, key: KeyObject): TokenKey {
  if (algorithm.types === HMAC) return secretKey(algorithm.hash ?? '', key)
  return isCheap(key) ? inlineKey(algorithm, key) : threadKey(algorithm, key)
}

function isCheap({ asymmetricKeyType, asymmetricKeyDetails: details = {} }: KeyObject): boolean {
  if (asymmetricKeyType === 'ec') return details.namedCurve === 'prime256v1'
  const { modulusLength = Number.POSITIVE_INFINITY, publicExponent = 0n } = details
  return modulusLength <= MAX_INLINE_RSA_BITS && publicExponent <= MAX_INLINE_EXPONENT
}

function secretKey(hash: string, key: KeyObject): TokenKey {
  return {
    verify({ signed, signature }) {
      const expected = createHmac(hash, key).update(signed).digest()
      return signature.length === expected.length && timingSafeEqual(signature, expected)
    },
  }
}

function inlineKey({ hash, pss = false }: Algorithm, key: KeyObject): TokenKey {
  const padding = pss
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : {}
  const options = { key, dsaEncoding: 'ieee-p1363', ...padding } as const
  return {
    verify({ signed, signature }) {
      try {
        return verify(hash, Buffer.from(signed), options, signature)
      } catch {
        // A key that is meant for other parameters (RFC 4055, section 3.3).
        return false
      }
    },
  }
}

function threadKey({ hash, pss = false }: Algorithm, key: KeyObject): TokenKey {
  const publicKey = key.export({ type: 'spki', format: 'pem' }).toString()
  return {
    async verify({ signed, signature }, jobs) {
      const input = { publicKey, hash, pss, signed, signature }
      try {
        return await jobs.run('verify-signature', input, DEADLINE_MS)
      } catch (error) {
        if (isNotDone(error)) throw error
        return false
      }
    },
  }
}

/** Too many jobs wait, or this one took too long: that says nothing of the signature. */
export function isNotDone(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === 'GW_JOB_REFUSED' || code === 'GW_JOB_TIMEOUT'
}

function invalid(message: string): ConfigError {
  return new ConfigError('GW_CONFIG_INVALID', message)
}
