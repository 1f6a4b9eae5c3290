import assert from 'node:assert/strict'
import { BlockList, isIPv6 } from 'node:net'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { ConfigError } from '../../src/model/errors.ts'
import { compileIpSet } from '../../src/support/ip-set.ts'

suite('sets of addresses', () => {
  const cases: [entries: string[], address: string, expected: boolean][] = [
    [['192.0.2.7'], '192.0.2.7', true],
    [['192.0.2.7'], '192.0.2.8', false],
    [['192.0.2.0/24'], '192.0.2.255', true],
    [['192.0.2.0/24'], '192.0.3.0', false],
    [['192.0.2.77/24'], '192.0.2.1', true],
    [['0.0.0.0/0'], '255.255.255.255', true],
    [['0.0.0.0/0'], '::1', false],
    [['128.0.0.0/1'], '200.0.0.1', true],
    [['10.0.0.0/8', '192.0.2.1'], '192.0.2.1', true],
    [['10.0.0.0/8'], '::ffff:10.1.2.3', true],
    [['10.0.0.0/8'], '::ffff:a01:203', true],
    [['::ffff:10.0.0.0/104'], '10.9.9.9', true],
    [['2001:db8::/32'], '2001:db8:1::9', true],
    [['2001:db8::/32'], '2001:db9::', false],
    [['::1'], '::1', true],
    [['::1'], '0:0:0:0:0:0:0:1', true],
    [['::/0'], 'fe80::1%eth0', true],
    [['fe80::/10'], 'fe80::1%eth0', true],
    [['1::2'], '1:0:0::2', true],
    [['0.0.0.0/0', '::/0'], 'unix:', false],
    [['0.0.0.0/0', '::/0'], '', false],
    [['0.0.0.0/0'], '1.2.3', false],
    [['0.0.0.0/0'], '1.2.3.4.5', false],
    [['0.0.0.0/0'], '1.2.3.256', false],
    [[], '1.2.3.4', false],
  ]
  for (const [entries, address, expected] of cases) {
    test(`${address} is ${expected ? '' : 'not '}in ${entries.join(' or ') || 'nothing'}`, () => {
      assert.equal(compileIpSet(entries)(address), expected)
    })
  }

  for (const entry of [
    '',
    'x',
    '1.2.3.4/33',
    '::1/129',
    '1.2.3.4/',
    '1.2.3.4/8/8',
    '1.2.3.4/a',
    '1.2.3',
  ]) {
    test(`${JSON.stringify(entry)} is refused`, () => {
      assert.throws(() => compileIpSet([entry]), ConfigError)
    })
  }

  test('decides as the system does', () => {
    const networks = fc.oneof(
      fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })),
      fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })),
    )
    const addresses = fc.oneof(fc.ipV4(), fc.ipV6())
    fc.assert(
      fc.property(fc.array(networks, { maxLength: 3 }), addresses, (list, address) => {
        const set = compileIpSet(list.map(([network, bits]) => `${network}/${bits}`))
        const reference = new BlockList()
        const family = (text: string) => (isIPv6(text) ? 'ipv6' : 'ipv4')
        for (const [network, bits] of list) {
          // To the system, an IPv4 address is in ::/0 too.
          if (isIPv6(network) !== isIPv6(address)) continue
          reference.addSubnet(network, bits, family(network))
        }
        assert.equal(set(address), reference.check(address, family(address)))
      }),
    )
  })
})
