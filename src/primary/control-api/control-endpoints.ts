import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { PluginRegistry } from '../../plugins/registry.ts'
import type { HealthService } from '../health/health-service.ts'
import type { ServingConfig } from '../serving-config.ts'
import { allMetadata, allObjects, oneMetadata, oneObject } from './config-answers.ts'
import { type ControlAnswer, refuse } from './control-answer.ts'
import { allHealth, healthOf } from './health-answers.ts'
import { schemaAnswer } from './schema-answer.ts'

/** What the control API shows and does. */
export interface ControlParts {
  health: Pick<HealthService, 'upstream' | 'upstreams'>
  config: () => ServingConfig | undefined
  plugins: Pick<PluginRegistry, 'list'>
  /** Replaces the workers, which load plugins anew. */
  reloadWorkers: () => void
}

interface ControlRequest {
  method: string
  /** Behind `/v1/`, decoded. */
  segments: readonly string[]
  /** A browser asks. */
  html: boolean
}

type Endpoint = (parts: ControlParts, rest: readonly string[], html: boolean) => ControlAnswer

/**
 * By method and first segment; the rest of the path is the endpoint's. There is no dump of a discovery:
 * the only one is DNS, which has none in APISIX either.
 */
const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  'GET schema': exact(({ plugins }) => schemaAnswer(plugins)),
  'GET healthcheck': ({ health, config }, rest, html) =>
    rest.length === 0 ? allHealth(health, html) : healthOf(health, config(), rest, html),
  'GET routes': exact(({ config }) => allObjects(config(), 'routes')),
  'GET services': exact(({ config }) => allObjects(config(), 'services')),
  'GET upstreams': exact(({ config }) => allObjects(config(), 'upstreams')),
  'GET route': ({ config }, rest) => oneObject(config(), 'route', rest.join('/')),
  'GET service': ({ config }, rest) => oneObject(config(), 'service', rest.join('/')),
  'GET upstream': ({ config }, rest) => oneObject(config(), 'upstream', rest.join('/')),
  'GET plugin_metadatas': exact(({ config }) => allMetadata(config())),
  'GET plugin_metadata': ({ config }, rest) => oneMetadata(config(), rest.join('/')),
  'POST gc': exact(() => {
    collectGarbage()
    return { status: 200 }
  }),
  'PUT plugins': ({ reloadWorkers }, rest) => {
    if (rest.join('/') !== 'reload') return notFound()
    reloadWorkers()
    return { status: 200, body: 'done' }
  },
}

/** Answers a request of the control API; `path` as received, without query. */
export function answerControl(
  parts: ControlParts,
  { method, segments, html }: ControlRequest,
): ControlAnswer {
  const [first = '', ...rest] = segments
  const key = `${method === 'HEAD' ? 'GET' : method} ${first}`
  const endpoint = Object.hasOwn(ENDPOINTS, key) ? ENDPOINTS[key] : undefined
  return endpoint === undefined ? notFound() : endpoint(parts, rest, html)
}

function exact(endpoint: Endpoint): Endpoint {
  return (parts, rest, html) => (rest.length === 0 ? endpoint(parts, rest, html) : notFound())
}

function notFound(): ControlAnswer {
  return refuse(404, '404 Not Found')
}

/** V8 offers it to those only who ask by a flag, which may come late. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: object) => unknown
  collect({ type: 'major', execution: 'async' })
}
