const REFERENCE = /^\$(?:secret|[eE][nN][vV]):\/\//

/** True for `$secret://manager/id/key` and `$env://NAME`: text that stands for another, as in APISIX. */
export function isSecretReference(value: unknown): value is string {
  return typeof value === 'string' && REFERENCE.test(value)
}
