import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { pluginRegistry } from '../../src/plugins/registry.ts'
import { configure } from '../helpers/plugin-harness.ts'

const LIMIT = { count: 1, time_window: 1 }
const CONN = { conn: 1, burst: 0, default_conn_delay: 1, key: 'remote_addr' }
const VARS = [['post_arg_a', '==', '1']]

suite('bodies are read for plugins that look into them', () => {
  const cases: [plugin: string, config: Record<string, unknown>][] = [
    ['api-breaker', breaker('$post_arg_a')],
    ['fault-injection', { abort: { http_status: 400, vars: [VARS] } }],
    ['fault-injection', { delay: { duration: 1, vars: [[['uri', '==', '/']], VARS] } }],
    ['fault-injection', { abort: { http_status: 400, body: '$request_body' } }],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: variables of APISIX
    ['limit-conn', { ...CONN, conn: '${post_arg.a.b ?? 3}' }],
    ['limit-count', { ...LIMIT, key: 'post_arg_a' }],
    ['limit-count', { ...LIMIT, key: '$uri $graphql_name', key_type: 'var_combination' }],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: variables of APISIX
    ['limit-count', { rules: [{ ...LIMIT, key: '${post_arg_a}' }] }],
    ['limit-req', { rate: 1, burst: 1, key: 'post_arg.a' }],
    ['mocking', { response_example: '$post_arg_a' }],
    ['proxy-rewrite', { headers: { set: { a: '$post_arg_a' } } }],
    ['real-ip', { source: 'post_arg_ip' }],
    ['redirect', { uri: '/$post_arg_a' }],
    ['response-rewrite', { status_code: 400, vars: VARS }],
    ['response-rewrite', { headers: { add: ['a: $post_arg_a'] } }],
    ['traffic-split', { rules: [{ match: [{}, { vars: VARS }], weighted_upstreams: [{}] }] }],
  ]
  for (const [name, config] of cases) {
    test(`${name} ${JSON.stringify(config)}`, () => {
      const plugin = pluginRegistry.find(name)
      assert.ok(plugin)
      assert.equal(configure(plugin, config).readsBody, true)
      const without = JSON.parse(
        JSON.stringify(config).replaceAll(/post_arg[._]|graphql_|request_body/g, 'arg_'),
      )
      assert.equal(configure(plugin, without).readsBody, false)
    })
  }

  test('but not for a constant that only looks like it', () => {
    const plugin = pluginRegistry.find('limit-count')
    assert.ok(plugin)
    const config = { ...LIMIT, key: '$post_arg_a', key_type: 'constant' }
    assert.equal(configure(plugin, config).readsBody, false)
  })
})

function breaker(value: string) {
  const break_response_headers = [{ key: 'a', value }]
  return { break_response_code: 502, break_response_body: 'b', break_response_headers }
}
