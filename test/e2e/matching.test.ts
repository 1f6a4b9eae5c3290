import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { type Gateway, startGateway, temporaryFolder } from '../helpers/stack.ts'
import { startNode } from '../helpers/upstream-node.ts'

interface Sent {
  method?: string
  headers?: Record<string, string>
  body?: string
}

/** The id of the route that a request took, as its node heard it; or the status. The path is sent as it is. */
function take(gateway: Gateway, path: string, sent: Sent = {}): Promise<string | number> {
  const { method = 'GET', headers = {}, body } = sent
  const { promise, resolve, reject } = Promise.withResolvers<string | number>()
  const { hostname, port } = new URL(gateway.url)
  const call = request({ hostname, port, path, method, headers, agent: false }, (response) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      text += chunk
    })
    response.on('end', () =>
      resolve(response.statusCode === 200 ? text : (response.statusCode ?? 0)),
    )
  })
  call.on('error', reject)
  call.end(body)
  return promise
}

/** A gateway that serves these routes from a file; each has a node that answers with the route's id. */
async function serve(
  t: TestContext,
  routes: Record<string, object>,
  env: Record<string, string> = {},
): Promise<Gateway> {
  const file = join(await temporaryFolder(t), 'holdfast.json')
  const bodies = await Promise.all(
    Object.entries(routes).map(async ([id, fields]) => {
      const node = await startNode(t, id, (incoming, response) => {
        let received = ''
        incoming.on('data', (chunk: Buffer) => {
          received += chunk
        })
        incoming.on('end', () => response.end(received === '' ? id : `${id} ${received}`))
      })
      return { id, upstream: { type: 'roundrobin', nodes: { [node.address]: 1 } }, ...fields }
    }),
  )
  await writeFile(file, JSON.stringify({ routes: bodies }))
  return await startGateway(t, {
    databaseUrl: '',
    workers: 1,
    env: { HOLDFAST_CONFIG_PROVIDER: 'file', HOLDFAST_CONFIG_FILE: file, ...env },
  })
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const JSON_TYPE = { 'content-type': 'application/json' }

suite('matching', () => {
  test('heeds conditions, addresses, priority, methods and bodies', async (t) => {
    const gateway = await serve(
      t,
      {
        plain: { uri: '/*' },
        beta: {
          uri: '/app/*',
          vars: [['OR', ['arg_beta', '==', '1'], ['cookie_beta', '~*', '^YES$']]],
        },
        curl: { uri: '/app/*', priority: 1, vars: [['http_user_agent', '~~', '^(curl|wget)/']] },
        elsewhere: { uri: '/app/*', priority: 5, remote_addrs: ['10.0.0.0/8', '2001:db8::/32'] },
        here: { uri: '/here', remote_addr: '127.0.0.0/8' },
        off: { uri: '/here', priority: 9, status: 0 },
        form: { uri: '/post', vars: [['post_arg_name', '==', 'json']] },
        image: { uri: '/post', vars: [['post_arg.messages[*].type', 'has', 'image']] },
        graph: {
          uri: '/graphql',
          vars: [
            ['graphql_operation', '==', 'query'],
            ['graphql_root_fields', 'has', 'owner'],
          ],
        },
      },
      { HOLDFAST_HTTP_MAX_BUFFERED_BODY_BYTES: '1048576' },
    )
    const post = (body: string, headers = FORM as Record<string, string>) => ({
      method: 'POST',
      body,
      headers,
    })
    const json = JSON.stringify({ messages: [{ type: 'text' }, { type: 'image' }] })
    const query = 'query x { owner { name } }'
    const large = `name=json&x=${'y'.repeat(1_200_000)}`
    const announced = { ...FORM, 'content-length': String(large.length) }
    const cases: [path: string, sent: Sent, taken: string | number][] = [
      ['/app/x', {}, 'plain'],
      ['/app/x?beta=1', {}, 'beta'],
      ['/app/x?beta=2', {}, 'plain'],
      ['/app/x', { headers: { cookie: 'a=1; beta=yes' } }, 'beta'],
      ['/app/x?beta=1', { headers: { 'user-agent': 'curl/8' } }, 'curl'],
      ['/here', {}, 'here'],
      ['/post', post('name=json'), 'form name=json'],
      ['/post', post('name=xml'), 'plain name=xml'],
      ['/post', post(json, JSON_TYPE), `image ${json}`],
      ['/post', post('{', JSON_TYPE), 'plain {'],
      ['/post', {}, 'plain'],
      ['/post', post(large, announced), `plain ${large}`],
      ['/post', post(large, { ...FORM, 'transfer-encoding': 'chunked' }), 413],
      ['/graphql', post(query, { 'content-type': 'application/graphql' }), `graph ${query}`],
      [`/graphql?query=${encodeURIComponent(query)}`, {}, 'graph'],
      ['/graphql?query={me}', {}, 'plain'],
      // Encoded as plain: what is matched is what it stands for.
      ['/%61pp/./x?beta=1', {}, 'beta'],
      ['/other%2F..%2Fhere', {}, 'here'],
      ['/other/..%2f..%2f..%2fhere', {}, 400],
    ]
    for (const [path, sent, taken] of cases) {
      assert.equal(
        await take(gateway, path, sent),
        taken,
        `${path} ${JSON.stringify(sent).slice(0, 99)}`,
      )
    }
  })

  test('takes parameters, and paths as servlets read them, where settings say so', async (t) => {
    const gateway = await serve(
      t,
      {
        user: { uri: '/users/:id', vars: [['arg_x', '!', '==', 'no']] },
        tail: { uri: '/files/:bucket/*path' },
        folder: { uri: '/folder', host: 'one.example' },
      },
      {
        HOLDFAST_ROUTER: 'radixtree_uri_with_parameter',
        HOLDFAST_DELETE_URI_TAIL_SLASH: 'true',
        HOLDFAST_NORMALIZE_URI_LIKE_SERVLET: 'true',
      },
    )
    const cases: [path: string, host: string, taken: string | number][] = [
      ['/users/7', 'h', 'user'],
      ['/users/7/', 'h', 'user'],
      ['/users/7;v=1', 'h', 'user'],
      ['/users/7%2F8', 'h', 404],
      ['/users/7?x=no', 'h', 404],
      ['/files/b/x/y', 'h', 'tail'],
      ['/folder/', 'one.example', 'folder'],
      ['/folder', 'two.example', 404],
      ['/x/.;a/folder', 'one.example', 400],
    ]
    for (const [path, host, taken] of cases) {
      assert.equal(await take(gateway, path, { headers: { host } }), taken, path)
    }
  })
})
