import type { RawHeaders } from '../../model/http-message.ts'
import type { RequestContext } from '../../model/request-context.ts'
import { fieldValue, fieldValues } from '../header-fields.ts'

type TextReader = (request: RequestContext) => string | undefined

/** Fields that are not forwarded and so not among a request's end-to-end fields. */
const RECEIVED_ONLY = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** `arg_x`: the first query argument of that name, decoded. */
export function argument(name: string): TextReader {
  return (request) => request.args.get(name)?.[0]
}

/** `cookie_x`. */
export function cookie(name: string): TextReader {
  return (request) => request.cookies.get(name)
}

/**
 * `http_x`: a field of the request, `_` standing for `-`. Repeated fields are joined as nginx does.
 * What a plugin has changed is seen as changed.
 */
export function requestField(rest: string): TextReader {
  const name = fieldName(rest)
  if (name === 'host') return (request) => request.authority || undefined
  if (RECEIVED_ONLY.has(name)) return (request) => joined(request.receivedHeaders, name)
  return (request) => joined(request.headers, name)
}

/** `sent_http_x`: a field of the answer. */
export function sentField(rest: string): TextReader {
  const name = fieldName(rest)
  return ({ responseHeaders }) => responseHeaders && joined(responseHeaders, name)
}

/** `upstream_http_x`: a field of the answer, if a node gave it. */
export function nodeField(rest: string): TextReader {
  const read = sentField(rest)
  return (request) => (request.answeredByNode ? read(request) : undefined)
}

function fieldName(rest: string): string {
  return rest.toLowerCase().replaceAll('_', '-')
}

function joined(headers: RawHeaders, name: string): string | undefined {
  const first = fieldValue(headers, name)
  if (first === undefined) return undefined
  const all = fieldValues(headers, name)
  return all.length === 1 ? first : all.join(name === 'cookie' ? '; ' : ', ')
}
