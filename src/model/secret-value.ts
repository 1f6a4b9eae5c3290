import type { ResourceBody, ResourceKind } from './resource-kind.ts'

/** What an encrypted value begins with (src/support/keyring.ts). */
export const ENVELOPE_MARK = '$aes256gcm$'

/** A secret in plain text and its place in the object; list positions are decimal. */
export interface SecretValue {
  path: readonly string[]
  value: string
  /** It came from a secret manager: nobody has checked it when the object was written. */
  managed?: true
}

/** Secrets of several objects, by `kind/id`: how they travel to a worker, beside the encrypted objects. */
export type SecretsByObject = Readonly<Record<string, readonly SecretValue[]>>

/** Key of an object in SecretsByObject. */
export function secretsKey(kind: ResourceKind, id: string): string {
  return `${kind}/${id}`
}

/** A copy of the object with the secrets in their places; the object itself where there are none. */
export function withSecrets(
  body: ResourceBody,
  secrets: readonly SecretValue[] | undefined,
): ResourceBody {
  let result = body
  for (const { path, value } of secrets ?? []) result = replace(result, path, value) as ResourceBody
  return result
}

/** What is shorter is found in any text. */
const MIN_HIDDEN_LENGTH = 4

/** The text without the secrets that it quotes. */
export function hideSecrets(text: string, secrets: readonly SecretValue[] = []): string {
  return secrets
    .filter(({ value }) => value.length >= MIN_HIDDEN_LENGTH)
    .reduce((hidden, { value }) => hidden.replaceAll(value, '(secret)'), text)
}

function replace(at: unknown, [step, ...rest]: readonly string[], value: string): unknown {
  if (step === undefined) return value
  // The path was found in this very object: every step exists.
  const copy = (Array.isArray(at) ? [...at] : { ...(at as object) }) as Record<string, unknown>
  copy[step] = replace(copy[step], rest, value)
  return copy
}
