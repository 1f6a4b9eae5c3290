import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import ipRestriction from '../../src/plugins/ip-restriction.ts'
import { configure, createRequest, replyOf } from '../helpers/plugin-harness.ts'

const statusFor = async (config: Record<string, unknown>, remoteAddress: string) =>
  (await replyOf(configure(ipRestriction, config), createRequest({ remoteAddress })))?.status

suite('ip-restriction', () => {
  const whitelist = ['127.0.0.0/24', '10.0.0.1', 'fe80::/32', '::1']
  const cases = [
    { name: 'in a listed network', config: { whitelist }, address: '127.0.0.9', status: undefined },
    { name: 'a listed address', config: { whitelist }, address: '10.0.0.1', status: undefined },
    {
      name: 'an IPv4 address as IPv6',
      config: { whitelist },
      address: '::ffff:10.0.0.1',
      status: undefined,
    },
    {
      name: 'in a listed IPv6 network',
      config: { whitelist },
      address: 'fe80::1:1',
      status: undefined,
    },
    { name: 'not in the whitelist', config: { whitelist }, address: '10.0.0.2', status: 403 },
    { name: 'in the blacklist', config: { blacklist: ['::1'] }, address: '::1', status: 403 },
    {
      name: 'not in the blacklist',
      config: { blacklist: ['::1'] },
      address: '::2',
      status: undefined,
    },
    {
      name: 'with a code of its own',
      config: { blacklist: ['0.0.0.0/0'], response_code: 404 },
      address: '1.1.1.1',
      status: 404,
    },
  ]
  for (const { name, config, address, status } of cases) {
    test(`${name}: ${status ?? 'passes'}`, async () => {
      assert.equal(await statusFor(config, address), status)
    })
  }

  test('looks at the address that real-ip has set', async () => {
    const request = createRequest({ remoteAddress: '10.0.0.1' })
    request.remoteAddress = '9.9.9.9'
    const reply = await replyOf(configure(ipRestriction, { whitelist, message: 'no' }), request)
    assert.deepEqual(reply, { status: 403, body: { message: 'no' } })
  })

  test('refuses what is no address', () => {
    for (const entry of ['10.0.0.256', '10.0.0.0/33', '::1/129', 'host']) {
      assert.throws(() => configure(ipRestriction, { whitelist: [entry] }), entry)
    }
  })
})
