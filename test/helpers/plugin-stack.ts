import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { type ClientRequest, type IncomingHttpHeaders, request } from 'node:http'
import type { TestContext } from 'node:test'
import { createTestDatabase } from './postgres.ts'
import { type ControlPlane, type Gateway, startControl, startGateway } from './stack.ts'
import { startNode, type UpstreamNode } from './upstream-node.ts'

export interface PluginAnswer {
  status: number
  headers: IncomingHttpHeaders
  text: string
  /** The body as JSON; undefined if it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: read field by field in tests
  json: any
}

interface CallOptions {
  method?: string
  headers?: Record<string, string | string[]>
  body?: string | Buffer
}

export interface PluginStack {
  control: ControlPlane
  gateway: Gateway
  node: UpstreamNode
  /** `{type, nodes}` of the node. */
  upstream: object
  /** Writes an object and waits until every worker serves it; fails unless it was taken. */
  put(path: string, body: object): Promise<void>
  /** The refusal of an object: its `error_msg`. Fails if it was taken. */
  refusal(path: string, body: object): Promise<string>
  /** A route `/<id>/*` to the node with these plugins. */
  route(id: string, plugins: object, more?: object): Promise<void>
  /** A request on a connection of its own, so that both workers get their share. */
  call(path: string, options?: CallOptions): Promise<PluginAnswer>
}

/** A stack with 2 workers for tests of plugins. The node answers with what it got: `{method, url, headers, body}`. */
export async function startPluginStack(
  t: TestContext,
  env: Record<string, string> = {},
  handler: RequestListener = echo,
): Promise<PluginStack> {
  const { url: databaseUrl } = await createTestDatabase(t)
  const control = await startControl(t, databaseUrl, env)
  // A gateway listens once it has a configuration; an empty one would do too, a route is quicker.
  const node = await startNode(t, 'node', handler)
  const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
  const first = await control.admin('PUT', '/routes/bare', { uri: '/bare/*', upstream })
  assert.equal(first.status, 201, JSON.stringify(first.body))
  const gateway = await startGateway(t, { databaseUrl, workers: 2, env })

  async function put(path: string, body: object): Promise<void> {
    const answer = await control.admin('PUT', `${path}?wait=all&timeout_ms=20000`, body)
    assert.ok(answer.status < 300, `${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }

  return {
    control,
    gateway,
    node,
    upstream,
    put,
    async refusal(path, body) {
      const answer = await control.admin('PUT', path, body)
      assert.equal(answer.status, 400, `${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
      return String(answer.body.error_msg)
    },
    route: (id, plugins, more = {}) =>
      put(`/routes/${id}`, { uri: `/${id}/*`, upstream, plugins, ...more }),
    call: (path, options = {}) => call(gateway.url + path, options),
  }
}

function call(
  url: string,
  { method = 'GET', headers = {}, body }: CallOptions,
): Promise<PluginAnswer> {
  return new Promise((resolve, reject) => {
    const sent: ClientRequest = request(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          json: parsed(text),
        })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const echo: RequestListener = (received, response) => {
  const chunks: Buffer[] = []
  received.on('data', (chunk: Buffer) => chunks.push(chunk))
  received.on('end', () => {
    const { method, url, headers } = received
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }))
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
