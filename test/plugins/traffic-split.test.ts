import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import trafficSplit from '../../src/plugins/traffic-split.ts'
import { configure, createRequest } from '../helpers/plugin-harness.ts'

const inline = { type: 'roundrobin', nodes: { '127.0.0.1:80': 1 } }

/** How often each upstream got one of the requests; `-` is the route's own. */
function shares(rules: unknown[], count = 10, target = '/'): Record<string, number> {
  let made = 0
  const instance = configure(
    trafficSplit,
    { rules },
    {
      upstreams: {
        refer: (upstreamId) => ({ upstreamId }),
        create: () => ({ upstreamId: `inline-${++made}` }),
      },
    },
  )
  const result: Record<string, number> = {}
  for (let i = 0; i < count; i++) {
    const request = createRequest({ target })
    void instance.access?.(request)
    const id = request.forwardUpstream?.upstreamId ?? '-'
    result[id] = (result[id] ?? 0) + 1
  }
  return result
}

suite('traffic-split', () => {
  const canary = [{ weighted_upstreams: [{ upstream_id: 'new', weight: 2 }, { weight: 8 }] }]
  const cases = [
    { name: 'splits by weight', rules: canary, shares: { new: 2, '-': 8 } },
    {
      name: 'takes inline upstreams, each of its own',
      rules: [
        {
          weighted_upstreams: [
            { upstream: inline, weight: 1 },
            { upstream: inline, weight: 1 },
          ],
        },
      ],
      shares: { 'inline-1': 5, 'inline-2': 5 },
    },
    {
      name: 'a weight of 0 gets nothing',
      rules: [
        {
          weighted_upstreams: [
            { upstream_id: 1, weight: 0 },
            { upstream_id: 2, weight: 3 },
          ],
        },
      ],
      shares: { 2: 10 },
    },
    {
      name: 'all weights 0: the route’s own',
      rules: [{ weighted_upstreams: [{ upstream_id: 1, weight: 0 }] }],
      shares: { '-': 10 },
    },
    { name: 'a rule without upstreams means the route’s own', rules: [{}], shares: { '-': 10 } },
    { name: 'no rules', rules: [], shares: { '-': 10 } },
    {
      name: 'the first rule that matches decides (blue-green)',
      target: '/?release=green',
      rules: [
        {
          match: [{ vars: [['arg_release', '==', 'blue']] }],
          weighted_upstreams: [{ upstream_id: 'blue' }],
        },
        {
          match: [
            { vars: [['arg_release', '==', 'x']] },
            { vars: [['arg_release', '==', 'green']] },
          ],
          weighted_upstreams: [{ upstream_id: 'green' }],
        },
        { weighted_upstreams: [{ upstream_id: 'rest' }] },
      ],
      shares: { green: 10 },
    },
    {
      name: 'no rule matches: the route’s own',
      rules: [
        { match: [{ vars: [['arg_a', '==', '1']] }], weighted_upstreams: [{ upstream_id: 'a' }] },
      ],
      shares: { '-': 10 },
    },
  ]
  for (const { name, rules, shares: expected, target } of cases) {
    test(name, () => assert.deepEqual(shares(rules, 10, target), expected))
  }

  test('refuses upstreams and conditions that are none', () => {
    assert.throws(() => shares([{ match: [{ vars: [['a', '><', 'b']] }] }]), /invalid operator/)
    const chash = { ...inline, type: 'chash', hash_on: 'header' }
    assert.throws(() => shares([{ weighted_upstreams: [{ upstream: chash }] }]), /key/)
    const eureka = { type: 'roundrobin', service_name: 'a', discovery_type: 'eureka' }
    assert.throws(
      () => shares([{ weighted_upstreams: [{ upstream: eureka }] }]),
      /"discovery_type" asks for what this version does not support yet: eureka/,
    )
  })
})
