import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import realIp from '../../src/plugins/real-ip.ts'
import { configure, createRequest } from '../helpers/plugin-harness.ts'

const PEER = '10.0.0.1'

function addressOf(config: Record<string, unknown>, headers: string[], target = '/'): string {
  const instance = configure(realIp, config)
  const request = createRequest({ headers, target, remoteAddress: PEER })
  void instance.rewrite?.(request)
  return `${request.remoteAddress} ${request.remotePort}`
}

suite('real-ip', () => {
  const argument = { source: 'arg_ip' }
  const values = [
    { value: '1.2.3.4', is: '1.2.3.4 40000' },
    { value: '1.2.3.4:5', is: '1.2.3.4 5' },
    { value: '::1', is: '::1 40000' },
    { value: '[::1]', is: '::1 40000' },
    { value: '[2001:db8::1]:99', is: '2001:db8::1 99' },
    { value: '1.2.3.4:0', is: `${PEER} 40000` },
    { value: '1.2.3.4:65536', is: `${PEER} 40000` },
    { value: '1.2.3.4:x', is: `${PEER} 40000` },
    { value: '999.1.1.1', is: `${PEER} 40000` },
    { value: '[1.2.3.4]', is: `${PEER} 40000` },
    { value: 'host', is: `${PEER} 40000` },
    { value: '', is: `${PEER} 40000` },
  ]
  for (const { value, is } of values) {
    test(`"${value}" makes the client ${is}`, () => {
      assert.equal(addressOf(argument, [], `/?ip=${encodeURIComponent(value)}`), is)
    })
  }

  test('a missing value changes nothing', () => {
    assert.equal(addressOf(argument, []), `${PEER} 40000`)
  })

  const forwarded = { source: 'http_x_forwarded_for' }
  const trusted = { trusted_addresses: ['10.0.0.0/8', '::ffff:192.0.2.9'] }
  const chains = [
    {
      name: 'the last address counts',
      config: forwarded,
      value: '1.1.1.1, 2.2.2.2',
      is: '2.2.2.2',
    },
    {
      name: 'an untrusted peer is not believed',
      config: { ...forwarded, trusted_addresses: ['9.9.9.9'] },
      value: '1.1.1.1',
      is: PEER,
    },
    {
      name: 'a trusted one is',
      config: { ...forwarded, ...trusted },
      value: '1.1.1.1, 10.2.2.2',
      is: '10.2.2.2',
    },
    {
      name: 'recursive passes over trusted ones',
      config: { ...forwarded, ...trusted, recursive: true },
      value: '1.1.1.1, 3.3.3.3,10.2.2.2 , 192.0.2.9',
      is: '3.3.3.3',
    },
    {
      name: 'recursive takes the first if all are trusted',
      config: { ...forwarded, ...trusted, recursive: true },
      value: '10.1.1.1, 10.2.2.2',
      is: '10.1.1.1',
    },
  ]
  for (const { name, config, value, is } of chains) {
    test(name, () => {
      const result = addressOf(config, ['X-Forwarded-For', '5.5.5.5', 'X-Forwarded-For', value])
      assert.equal(result, `${is} 40000`)
    })
  }

  test('refuses what is no address', () => {
    const config = { ...forwarded, trusted_addresses: ['10.0.0.0/33'] }
    assert.throws(() => configure(realIp, config), /10\.0\.0\.0\/33/)
  })
})
