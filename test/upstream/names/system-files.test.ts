import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  candidates,
  decodeHosts,
  decodeResolvConf,
} from '../../../src/upstream/names/system-files.ts'

suite('names: files of the system', () => {
  test('/etc/hosts', () => {
    const text = `
# 1.1.1.1 commented
127.0.0.1\tlocalhost  Node.Local # the machine
::1 localhost
10.0.0.1 node.local
10.0.0.1 node.local
not-an-address other
`
    assert.deepEqual(
      [...decodeHosts(text)],
      [
        ['localhost', ['127.0.0.1', '::1']],
        ['node.local', ['127.0.0.1', '10.0.0.1']],
      ],
    )
  })

  test('/etc/resolv.conf', () => {
    const text = 'nameserver 10.0.0.2\nsearch old\nsearch a.svc b. .\noptions timeout:1 ndots:5\n'
    const { search, ndots } = decodeResolvConf(text)
    assert.deepEqual({ search, ndots }, { search: ['a.svc', 'b.'], ndots: 5 })
    assert.deepEqual(decodeResolvConf('').search, [])
  })

  const conf = { search: ['ns.svc', 'svc.'], ndots: 2, text: '' }
  const cases: [name: string, order: string[]][] = [
    ['web', ['web.ns.svc', 'web.svc', 'web']],
    ['web.shop', ['web.shop.ns.svc', 'web.shop.svc', 'web.shop']],
    ['web.shop.example', ['web.shop.example', 'web.shop.example.ns.svc', 'web.shop.example.svc']],
    ['web.', ['web']],
  ]
  for (const [name, order] of cases) {
    test(`search domains of ${name}`, () => assert.deepEqual(candidates(name, conf), order))
  }
})
