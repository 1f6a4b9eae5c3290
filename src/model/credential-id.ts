const SEPARATOR = '/credentials/'

/** The name of the consumer that a credential belongs to, from its id. */
export function consumerOf(credentialId: string): string {
  return credentialId.split(SEPARATOR, 1)[0] ?? ''
}

/** What the ids of all credentials of a consumer begin with. */
export function credentialPrefix(username: string): string {
  return username + SEPARATOR
}

/** True for an id that can only be a credential's. */
export function isCredentialId(id: unknown): boolean {
  return typeof id === 'string' && id.includes(SEPARATOR)
}
