import type { ConsumerEntry } from '../contract.ts'
import { createDecoyKey, readTokenKey, type TokenCredential, type TokenKey } from './token-key.ts'

/** Shared by all routes: a key is read when its first token comes. */
const keys = new WeakMap<object, TokenKey | undefined>()
const decoys = new Map<string, TokenKey | undefined>()

/**
 * Finds what verifies a token that says it is of this consumer and signed with this algorithm.
 * For a token that can't be right (nobody's, or of another algorithm than the credential's) that is
 * a decoy, so that its refusal takes as long as that of a wrong signature. Where no credential of an
 * algorithm has been met there is nothing to tell apart, and no work to be made for us.
 */
export function createTokenKeys() {
  const met = new Set<string>()

  return (entry: ConsumerEntry | undefined, algorithm: unknown): TokenKey | undefined => {
    const credential = entry?.config as TokenCredential | undefined
    if (credential !== undefined) met.add(credential.algorithm)
    if (credential?.algorithm === algorithm && credential !== undefined) return keyOf(credential)
    if (typeof algorithm !== 'string' || !met.has(algorithm)) return undefined
    if (!decoys.has(algorithm)) decoys.set(algorithm, createDecoyKey(algorithm))
    return decoys.get(algorithm)
  }
}

function keyOf(credential: TokenCredential): TokenKey | undefined {
  if (keys.has(credential)) return keys.get(credential)
  let key: TokenKey | undefined
  try {
    key = readTokenKey(credential)
  } catch {
    // From a file that nobody checked: no token is right.
  }
  keys.set(credential, key)
  return key
}
