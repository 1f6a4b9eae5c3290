import { createHash } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { ConfigError } from '../model/errors.ts'

/** What connections over TLS share: our own certificate, if a node wants one, and whom to trust. */
export interface TlsContext {
  /** Equal ids, equal contexts; tells nothing of the key. */
  readonly id: string
  readonly secure: SecureContext
}

export interface TlsMaterial {
  /** PEM. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** PEM certificates to trust; undefined = those that Node trusts. */
  readonly ca?: readonly string[] | undefined
}

/** Undefined if there is nothing of its own to it. Throws ConfigError for unusable PEM. */
export function createTlsContext({ cert, key, ca }: TlsMaterial): TlsContext | undefined {
  if (cert === undefined && ca === undefined) return undefined
  const hash = createHash('sha256')
  for (const part of [cert ?? '', key ?? '', ...(ca ?? [])]) hash.update(`${part.length}:${part}`)
  try {
    const secure = createSecureContext({
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(ca === undefined ? {} : { ca: [...ca] }),
    })
    return { id: hash.digest('hex'), secure }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `the certificate for the nodes can't be used: ${reason}`
    throw new ConfigError('GW_CONFIG_INVALID', message, { cause: error })
  }
}
