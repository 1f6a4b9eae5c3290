import type { RequestContext } from '../../model/request-context.ts'
import { fieldValue } from '../header-fields.ts'
import { parseJson } from './body-variables.ts'
import { type GraphqlOperation, parseOperation } from './graphql-operation.ts'

/** Longer documents are not looked into, as in APISIX. */
const MAX_DOCUMENT_LENGTH = 1_048_576

const operations = new WeakMap<RequestContext, GraphqlOperation | 'none'>()

/** `graphql_operation`, `graphql_name` and `graphql_root_fields` (a list) of the first operation. */
export function graphqlFacts(name: string): (request: RequestContext) => unknown {
  switch (name) {
    case 'operation':
      return (request) => operationOf(request)?.operation
    case 'name':
      return (request) => operationOf(request)?.name
    case 'root_fields':
      return (request) => operationOf(request)?.rootFields
    default:
      return () => undefined
  }
}

function operationOf(request: RequestContext): GraphqlOperation | undefined {
  const known = operations.get(request)
  if (known !== undefined) return known === 'none' ? undefined : known
  const document = documentOf(request)
  const isReadable = document !== undefined && document.length <= MAX_DOCUMENT_LENGTH
  const operation = isReadable ? parseOperation(document) : undefined
  operations.set(request, operation ?? 'none')
  return operation
}

/** The argument `query` of a GET; of a POST the body, or `query` in a JSON body. */
function documentOf(request: RequestContext): string | undefined {
  if (request.method === 'GET') return request.args.get('query')?.[0]
  if (request.method !== 'POST') return undefined
  const text = request.bodyBytes?.toString()
  const type = fieldValue(request.headers, 'content-type') ?? ''
  if (text === undefined || !/^application\/json/i.test(type)) return text
  const body = parseJson(text) as { query?: unknown } | null | undefined
  return typeof body?.query === 'string' ? body.query : undefined
}
