import { constants, createHmac, type KeyObject, sign } from 'node:crypto'

type Claims = Record<string, unknown>

/** A token in compact form (RFC 7515), signed as `algorithm` says; `header` adds to its header. */
export function signToken(
  algorithm: string,
  key: KeyObject | string,
  claims: Claims,
  header: Claims = {},
): string {
  const signed = [{ alg: algorithm, typ: 'JWT', ...header }, claims].map(encode).join('.')
  return `${signed}.${signatureOf(algorithm, key, signed).toString('base64url')}`
}

function encode(value: Claims): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function signatureOf(algorithm: string, key: KeyObject | string, signed: string): Buffer {
  const hash = `sha${algorithm.slice(2)}`
  if (algorithm === 'none') return Buffer.alloc(0)
  if (algorithm.startsWith('HS')) return createHmac(hash, key).update(signed).digest()
  if (algorithm === 'EdDSA') return sign(null, Buffer.from(signed), key)
  const pss = algorithm.startsWith('PS') && {
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  }

  return sign(hash, Buffer.from(signed), {
    key: key as KeyObject,
    dsaEncoding: 'ieee-p1363',
    ...pss,
  })
}
