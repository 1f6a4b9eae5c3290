const REFERENCE = /^\$(?:secret|[eE][nN][vV]):\/\//
const MANAGED = '$secret://'

/** What a reference to a manager's secret says. */
export interface SecretAddress {
  /** Id of the manager's object: `vault/1`. */
  manager: string
  /** Where the secret is kept there, between slashes. */
  path: readonly string[]
  /** Its field. */
  field: string
}

/** True for `$secret://manager/id/key` and `$env://NAME`: text that stands for another, as in APISIX. */
export function isSecretReference(value: unknown): value is string {
  return typeof value === 'string' && REFERENCE.test(value)
}

/** True for `$secret://…`, right or wrong. */
export function isManagedReference(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith(MANAGED)
}

/** Where `$secret://<manager>/<id>/<path…>/<field>` leads; undefined = nowhere. */
export function parseManagedReference(reference: string): SecretAddress | undefined {
  const [manager = '', id = '', ...steps] = reference.slice(MANAGED.length).split('/')
  const field = steps.pop() ?? ''
  // As in APISIX, where paths are normalised; but none leads out of what the manager is for.
  const path = steps.filter((step) => step !== '' && step !== '.')
  if (manager === '' || id === '' || field === '' || path.length === 0) return undefined
  return path.includes('..') ? undefined : { manager: `${manager}/${id}`, path, field }
}
