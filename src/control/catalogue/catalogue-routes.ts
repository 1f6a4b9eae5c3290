import { isResourceKind } from '../../model/resource-kind.ts'
import type { PluginCatalogue } from '../../model/schemas/plugin-schemas.ts'
import type { ResourceValidator } from '../../support/validate-resource.ts'
import type { AdminMethod } from '../admin-request.ts'
import { type Answer, refusal } from '../answer.ts'
import { parseBody } from '../request-body.ts'
import { describePlugins, listPlugins, pluginSchema } from './plugins.ts'
import { resourceSchema } from './resource-schema.ts'

/** Answers requests under /plugins and /schema; undefined = it is none of them. */
export type CatalogueHandler = (
  method: AdminMethod,
  segments: readonly string[],
  query: Record<string, unknown>,
  body: Buffer | undefined,
) => Answer | undefined

interface CatalogueDeps {
  plugins: PluginCatalogue
  validator: ResourceValidator
}

/** What the Admin API tells of plugins and schemas, rather than of objects. */
export function createCatalogueHandler({ plugins, validator }: CatalogueDeps): CatalogueHandler {
  function ofSchema(method: AdminMethod, rest: readonly string[], body: Buffer | undefined) {
    const [first = '', second = ''] = rest
    if (first === 'validate' && method === 'POST') return validate(second, body)
    return method === 'GET' ? resourceSchema(first) : refusal(404, 'not found')
  }

  function validate(kind: string, bytes: Buffer | undefined): Answer {
    if (!isResourceKind(kind)) return refusal(404, `Unsupported resource type: ${kind}`)
    const body = parseBody(bytes)
    if (!body.ok) return refusal(400, body.reason)
    const decoded = validator.decode(kind, body.json ?? null)
    if (decoded.ok) return { status: 200, body: undefined }
    // As in APISIX: what the schema says, without what the handlers say before it.
    return refusal(400, decoded.reason.replace(/^invalid configuration: /, ''))
  }

  return (method, segments, query, body) => {
    const [area, ...rest] = segments
    if (area === 'schema' && rest[0] !== 'plugins') return ofSchema(method, rest, body)
    const names = area === 'schema' ? rest.slice(1) : rest
    if (area !== 'plugins' && area !== 'schema') return undefined
    return ofPlugins(plugins, method, names[0], query)
  }
}

function ofPlugins(
  plugins: PluginCatalogue,
  method: AdminMethod,
  name: string | undefined,
  query: Record<string, unknown>,
): Answer {
  if (name === 'reload') return reload(method)
  if (method !== 'GET') return refusal(404, 'not found')
  if (name === 'list') return listPlugins(plugins, query)
  return query['all'] === 'true'
    ? describePlugins(plugins, query)
    : pluginSchema(plugins, name ?? '', query)
}

/** Nothing has to be reloaded: what plugins there are is fixed when a process starts. */
function reload(method: AdminMethod): Answer {
  if (method === 'PUT') return { status: 200, body: 'done' }
  const reason = `please use PUT method to reload the plugins, ${method} method is not allowed.`
  return { ...refusal(405, reason), headers: { allow: 'PUT' } }
}
