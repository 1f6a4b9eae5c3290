import type { RequestContext } from '../../model/request-context.ts'
import { removeField, setField, toFieldValue } from '../../support/header-fields.ts'
import type { StoredEntry } from './consumer-store.ts'

/** A request as the worker holds it: plugins see its consumer read-only. */
export interface Identified extends RequestContext {
  identity: StoredEntry | undefined
}

/**
 * Notes who calls and tells the node, with the header names of APISIX. What a client sent under
 * these names never reaches a node that trusts them.
 */
export function setConsumer(request: RequestContext, entry: StoredEntry): void {
  ;(request as Identified).identity = entry
  const { username, credentialId } = entry.consumer
  setField(request.headers, 'X-Consumer-Username', username)
  setOrRemove(request, 'X-Credential-Identifier', credentialId)
  setOrRemove(request, 'X-Consumer-Custom-ID', entry.customId)
}

function setOrRemove(request: RequestContext, name: string, value: string | undefined): void {
  if (value === undefined) removeField(request.headers, name.toLowerCase())
  else setField(request.headers, name, toFieldValue(value))
}
