import type { ResourceBody } from '../../model/resource-kind.ts'
import type { Reference } from '../resource-definition.ts'

/** What an upstream (an object, or the `upstream` inside one) refers to: its client certificate. */
export function upstreamReferences(upstream: unknown): Reference[] {
  const id = (upstream as { tls?: { client_cert_id?: string | number } } | undefined)?.tls
    ?.client_cert_id
  return id === undefined ? [] : [{ kind: 'ssls', id: String(id), check: checkClientCertificate }]
}

function checkClientCertificate(ssl: ResourceBody): string | undefined {
  return ssl['type'] === 'client' ? undefined : 'wrong ssl type'
}
