const nodes = { '127.0.0.1:80': 1 }

interface AdminCase {
  request: [method: string, path: string, body?: unknown, headers?: Record<string, string>]
  status: number
  /** All of it, or a pattern in its JSON. */
  body?: unknown
}

/**
 * What APISIX answers, in the order in which the requests are sent: one after the other, to a control
 * plane with the plugins `key-check` and `plain`.
 */
export const ADMIN_CASES: readonly AdminCase[] = [
  // Plugins.
  { request: ['GET', '/plugins/list'], status: 200, body: ['key-check', 'plain'] },
  { request: ['GET', '/plugins/list/'], status: 200, body: ['key-check', 'plain'] },
  { request: ['GET', '/plugins/list?subsystem=stream'], status: 200, body: ['plain'] },
  { request: ['GET', '/plugins/list?subsystem=x'], status: 400, body: /invalid subsystem passed/ },
  { request: ['GET', '/plugins/key-check'], status: 200, body: /"header".*"_meta".*"disable"/ },
  {
    request: ['GET', '/plugins/key-check?schema_type=consumer'],
    status: 200,
    body: { type: 'object', required: ['key'] },
  },
  { request: ['GET', '/plugins/key-check?schema_type=metadata'], status: 200, body: /"realm"/ },
  {
    request: ['GET', '/plugins/plain?schema_type=consumer'],
    status: 400,
    body: { error_msg: 'not found schema' },
  },
  {
    request: ['GET', '/plugins/nothing'],
    status: 404,
    body: { error_msg: 'plugin not found in subsystem http' },
  },
  {
    request: ['GET', '/plugins/key-check?subsystem=stream'],
    status: 404,
    body: { error_msg: 'plugin not found in subsystem stream' },
  },
  {
    request: ['GET', '/plugins/plain?subsystem=mail'],
    status: 400,
    body: { error_msg: 'unsupported subsystem: mail' },
  },
  {
    request: ['GET', '/plugins?all=true'],
    status: 200,
    body: /"key-check":\{"priority":2500,"type":"auth","schema":.*"consumer_schema":.*"metadata_schema"/,
  },
  { request: ['GET', '/plugins?all=true&subsystem=stream'], status: 200, body: /^\{"plain":/ },
  { request: ['PUT', '/plugins/plain', {}], status: 404, body: { error_msg: 'not found' } },
  { request: ['PUT', '/plugins/reload'], status: 200, body: 'done' },
  {
    request: ['GET', '/plugins/reload'],
    status: 405,
    body: {
      error_msg: 'please use PUT method to reload the plugins, GET method is not allowed.',
    },
  },
  // Schemas.
  { request: ['GET', '/schema/route'], status: 200, body: /"properties":.*"uri"/ },
  { request: ['GET', '/schema/ssl'], status: 200, body: /"snis"/ },
  { request: ['GET', '/schema/plugins/key-check'], status: 200, body: /"header"/ },
  { request: ['GET', '/schema/plugins/none'], status: 404, body: /plugin not found/ },
  {
    request: ['GET', '/schema/plugins/key-check?schema_type=consumer'],
    status: 200,
    body: /"required":\["key"\]/,
  },
  { request: ['GET', '/schema/x'], status: 400, body: { error_msg: 'not found schema: x' } },
  { request: ['PUT', '/schema/service', {}], status: 404, body: { error_msg: 'not found' } },
  { request: ['POST', '/schema/service', {}], status: 404, body: { error_msg: 'not found' } },
  { request: ['POST', '/schema/validate/routes', { uri: '/', upstream: { nodes } }], status: 200 },
  {
    request: ['POST', '/schema/validate/routes', { uri: 666 }],
    status: 400,
    body: /^\{"error_msg":"property \\"uri\\" validation failed: wrong type: expected string, got number/,
  },
  { request: ['POST', '/schema/validate/routes'], status: 400, body: /expected object/ },
  {
    // Texts over several lines, as in the examples of APISIX's documentation.
    request: [
      'POST',
      '/schema/validate/protos',
      '{"content": "syntax = \\"proto3\\";\n\tmessage M {}"}',
    ],
    status: 200,
  },
  {
    request: ['POST', '/schema/validate/routes', '{'],
    status: 400,
    body: /invalid request body: /,
  },
  {
    request: ['POST', '/schema/validate/routs', {}],
    status: 404,
    body: { error_msg: 'Unsupported resource type: routs' },
  },
  // Objects.
  { request: ['HEAD', '', undefined, { 'x-api-key': '' }], status: 200 },
  { request: ['GET', '/routes'], status: 200, body: { total: 0, list: [] } },
  { request: ['GET', '/routes/'], status: 200, body: { total: 0, list: [] } },
  { request: ['GET', '/routes/1'], status: 404, body: { message: 'Key not found' } },
  { request: ['DELETE', '/routes/1'], status: 404, body: { message: 'Key not found' } },
  {
    request: ['PATCH', '/routes/1', { desc: 'x' }],
    status: 404,
    body: { message: 'Key not found' },
  },
  { request: ['DELETE', '/routes'], status: 400, body: { error_msg: 'missing route id' } },
  { request: ['PATCH', '/routes', {}], status: 400, body: { error_msg: 'missing route id' } },
  {
    request: ['PATCH', '/routes/1'],
    status: 400,
    body: { error_msg: 'missing new configuration' },
  },
  { request: ['PATCH', '/routes/1', '1'], status: 400, body: /"invalid configuration/ },
  { request: ['PUT', '/routes/1'], status: 400, body: { error_msg: 'missing configurations' } },
  {
    request: ['PUT', '/routes', { uri: '/' }],
    status: 400,
    body: { error_msg: 'missing route id' },
  },
  {
    // No URL could name it.
    request: ['PUT', '/routes', { id: '..', uri: '/' }],
    status: 400,
    body: /not \\"\.\\" or \\"\.\.\\"/,
  },
  {
    request: ['PUT', '/routes/1', { id: 2, uri: '/' }],
    status: 400,
    body: { error_msg: 'wrong route id' },
  },
  {
    request: ['POST', '/routes/1', { uri: '/' }],
    status: 400,
    body: { error_msg: 'wrong route id, do not need it' },
  },
  {
    request: ['PUT', '/routes/1', { uri: 1 }],
    status: 400,
    body: /"invalid configuration: property \\"uri\\"/,
  },
  {
    request: ['PUT', '/routes/1', { uri: '/', service_id: 9 }],
    status: 400,
    body: { error_msg: 'failed to fetch service info by service id [9], response code: 404' },
  },
  {
    request: ['PUT', '/routes/1', { uri: '/', plugins: { none: {} } }],
    status: 400,
    body: { error_msg: 'unknown plugin [none]' },
  },
  {
    request: ['PUT', '/routes/1?ttl=a', { uri: '/' }],
    status: 400,
    body: { error_msg: 'invalid argument ttl: should be a number' },
  },
  {
    request: ['PUT', '/routes/1?ttl=60', { uri: '/' }],
    status: 400,
    body: /objects do not expire/,
  },
  {
    request: ['PUT', '/routes/1?ttl=0', { uri: '/', upstream: { nodes } }],
    status: 201,
    body: /"key":"\/apisix\/routes\/1"/,
  },
  {
    request: ['PUT', '/routes', { id: 1, uri: '/', upstream: { nodes } }],
    status: 200,
    body: /"key":"\/apisix\/routes\/1"/,
  },
  {
    request: ['PUT', '/consumers', { username: 'jack' }],
    status: 201,
    body: /"key":"\/apisix\/consumers\/jack"/,
  },
  {
    request: ['PUT', '/consumers/joe', { username: 'jack' }],
    status: 400,
    body: { error_msg: 'wrong username' },
  },
  {
    request: ['POST', '/consumers', { username: 'a' }],
    status: 405,
    body: { error_msg: 'not supported `POST` method for consumer' },
  },
  {
    request: ['PATCH', '/plugin_metadata/plain', {}],
    status: 405,
    body: { error_msg: 'not supported `PATCH` method for plugin_metadata' },
  },
  { request: ['PATCH', '/routes/1/labels', { a: 'b' }], status: 200, body: /"labels":\{"a":"b"\}/ },
  {
    request: ['PATCH', '/routes/1/uri/x', '1'],
    status: 400,
    body: { error_msg: 'invalid sub-path: /uri' },
  },
  { request: ['PATCH', '/routes/1', { labels: null }], status: 200 },
  { request: ['PUT', '/services/s', { upstream: { nodes } }], status: 201 },
  { request: ['PUT', '/routes/2', { uri: '/', service_id: 's' }], status: 201 },
  {
    request: ['DELETE', '/services/s'],
    status: 400,
    body: { error_msg: 'can not delete this service directly, route [2] is still using it now' },
  },
  { request: ['DELETE', '/services/s?force=1'], status: 400 },
  {
    request: ['DELETE', '/services/s?force=true'],
    status: 200,
    body: { key: '/apisix/services/s', deleted: '1' },
  },
  {
    request: ['GET', '/routs/1'],
    status: 404,
    body: { error_msg: 'Unsupported resource type: routs' },
  },
  { request: ['GET', '/'], status: 404, body: { error_msg: 'Unsupported resource type: ' } },
  { request: ['OPTIONS', '/routes'], status: 404 },
  { request: ['DELETE', '/configs'], status: 404, body: { error_msg: 'Not found' } },
]
