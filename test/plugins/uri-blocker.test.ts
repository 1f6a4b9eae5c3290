import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import uriBlocker from '../../src/plugins/uri-blocker.ts'
import { configure, createRequest, replyOf } from '../helpers/plugin-harness.ts'

const reply = (config: Record<string, unknown>, target: string, path?: string) =>
  replyOf(configure(uriBlocker, config), createRequest({ target, ...(path && { path }) }))

suite('uri-blocker', () => {
  const rules = ['root.exe', 'root.m+', '^/admin', 'select.+(from|limit)']
  const cases = [
    { target: '/hello?name=;root.exe', status: 403 },
    { target: '/hello?x=ROOT.EXE', status: undefined },
    { target: '/hello?a=root.mmm', status: 403 },
    { target: '/admin/x', status: 403 },
    { target: '/x/admin', status: undefined },
    { target: '/q?s=select%20a%20limit', status: 403 },
    { target: '/hello', status: undefined },
  ]
  for (const { target, status } of cases) {
    test(`${target}: ${status ?? 'passes'}`, async () => {
      assert.equal((await reply({ block_rules: rules }, target))?.status, status)
    })
  }

  test('sees the normalised path, whatever the client wrote', async () => {
    assert.equal((await reply({ block_rules: ['^/admin'] }, '/%61dmin', '/admin'))?.status, 403)
  })

  test('letter case, code and message are configured', async () => {
    const config = { block_rules: ['/Secret'], case_insensitive: true, rejected_code: 404 }
    assert.deepEqual(await reply(config, '/SECRET'), { status: 404 })
    const told = await reply({ ...config, rejected_msg: 'no' }, '/secret')
    assert.deepEqual(told, { status: 404, body: { error_msg: 'no' } })
  })

  test('refuses patterns that are none', () => {
    assert.throws(() => configure(uriBlocker, { block_rules: ['.+('] }))
  })
})
