import {
  constants,
  createPublicKey,
  type KeyObject,
  type VerifyKeyObjectInput,
  verify,
} from 'node:crypto'

export interface SignatureToVerify {
  /** PEM. */
  publicKey: string
  /** Hash as OpenSSL names it; undefined for EdDSA, which has its own. */
  hash: string | undefined
  /** RSASSA-PSS instead of PKCS #1 v1.5. */
  pss: boolean
  signed: string
  signature: Uint8Array
}

const MAX_KEYS = 1_000
const keys = new Map<string, KeyObject>()

/** True if the signature is that of the key. An ECDSA signature is in the form of JWS (RFC 7518, 3.4). */
export function verifySignature(task: SignatureToVerify): boolean {
  const key: VerifyKeyObjectInput = { key: keyOf(task.publicKey), dsaEncoding: 'ieee-p1363' }
  if (task.pss) {
    key.padding = constants.RSA_PKCS1_PSS_PADDING
    key.saltLength = constants.RSA_PSS_SALTLEN_DIGEST
  }
  return verify(task.hash ?? null, Buffer.from(task.signed), key, task.signature)
}

/** Reading a key costs more than using it. */
function keyOf(pem: string): KeyObject {
  const known = keys.get(pem)
  if (known !== undefined) return known
  if (keys.size >= MAX_KEYS) keys.clear()
  const key = createPublicKey(pem)
  keys.set(pem, key)
  return key
}
