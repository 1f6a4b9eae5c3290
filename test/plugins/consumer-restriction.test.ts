import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import consumerRestriction from '../../src/plugins/consumer-restriction.ts'
import { configure, createRequest, replyOf } from '../helpers/plugin-harness.ts'

interface Facts {
  user?: string
  group?: string
  method?: string
}

function ask(config: object, { user, group, method = 'GET' }: Facts) {
  const request = createRequest({ method, routeId: 'r9' })
  if (user !== undefined) {
    const consumer = { username: user, groupId: group, labels: undefined, credentialId: undefined }
    const plugins = { own: { current: new Map() }, group: undefined }
    request.identity = { source: '', consumer, config: {}, plugins, customId: undefined }
  }
  return replyOf(configure(consumerRestriction, { ...config }), request)
}

suite('consumer-restriction', () => {
  const methods = { allowed_by_methods: [{ user: 'ann', methods: ['POST'] }] }
  const cases: [object, Facts, number | undefined][] = [
    [{ blacklist: ['ann'] }, { user: 'ann' }, 403],
    [{ blacklist: ['ann'] }, { user: 'bob' }, undefined],
    [{ whitelist: ['ann'] }, { user: 'ann' }, undefined],
    [{ whitelist: ['ann'] }, { user: 'bob' }, 403],
    [{ whitelist: ['ann'], blacklist: ['ann'] }, { user: 'ann' }, 403],
    [{ whitelist: ['ann'], rejected_code: 404 }, { user: 'bob' }, 404],
    [methods, { user: 'ann' }, 403],
    [methods, { user: 'ann', method: 'POST' }, undefined],
    [methods, { user: 'bob' }, undefined],
    [{ whitelist: ['ann'], ...methods }, { user: 'ann' }, undefined],
    [{ whitelist: ['bob'], ...methods }, { user: 'ann', method: 'POST' }, 403],
    [{ type: 'route_id', whitelist: ['r9'] }, {}, undefined],
    [{ type: 'route_id', blacklist: ['r9'] }, {}, 403],
    [{ type: 'consumer_group_id', whitelist: ['g'] }, { user: 'ann', group: 'g' }, undefined],
    [{ type: 'consumer_group_id', whitelist: ['g'] }, { user: 'ann', group: 'h' }, 403],
    [{ whitelist: ['ann'] }, {}, 401],
    [{ type: 'consumer_group_id', blacklist: ['g'] }, { user: 'ann' }, 401],
    [{ type: 'service_id', blacklist: ['s'] }, {}, 401],
  ]
  for (const [config, facts, status] of cases) {
    const verdict = status === undefined ? 'passes' : `gets ${status}`
    test(`${JSON.stringify(facts)} ${verdict} under ${JSON.stringify(config)}`, async () => {
      assert.equal((await ask(config, facts))?.status, status)
    })
  }

  test('says what is forbidden', async () => {
    const blacklist = { blacklist: ['ann'] }
    const body = async (config: object, facts: Facts) => (await ask(config, facts))?.body
    assert.deepEqual(await body(blacklist, { user: 'ann' }), {
      message: 'The consumer_name is forbidden.',
    })
    assert.deepEqual(await body({ ...blacklist, rejected_msg: 'no' }, { user: 'ann' }), {
      message: 'no',
    })
    assert.deepEqual(await body(blacklist, {}), {
      message: 'The request is rejected, please check the consumer_name for this request',
    })
  })
})
