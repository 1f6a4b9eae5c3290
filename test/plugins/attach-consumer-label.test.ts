import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import attachConsumerLabel from '../../src/plugins/attach-consumer-label.ts'
import { configure, createRequest, replyOf } from '../helpers/plugin-harness.ts'

async function headersFor(labels: Record<string, string> | undefined, known = true) {
  const request = createRequest({ headers: ['x-team', 'forged', 'X-Role', 'forged'] })
  if (known) {
    const consumer = { username: 'ann', groupId: undefined, labels, credentialId: undefined }
    const plugins = { own: { current: new Map() }, group: undefined }
    request.identity = { source: '', consumer, config: {}, plugins, customId: undefined }
  }
  const headers = { 'X-Team': '$team', 'X-Role': '$role', 'X-Odd': '$constructor' }
  await replyOf(configure(attachConsumerLabel, { headers }), request)
  return request.headers
}

suite('attach-consumer-label', () => {
  test('puts labels in place of what the client sent', async () => {
    assert.deepEqual(await headersFor({ team: 'red', role: 'ops' }), [
      ...['x-team', 'red'],
      ...['X-Role', 'ops'],
    ])
  })

  test('takes out the fields of labels that are not there', async () => {
    assert.deepEqual(await headersFor({ team: 'red' }), ['x-team', 'red'])
    assert.deepEqual(await headersFor(undefined), [])
    assert.deepEqual(await headersFor(undefined, false), [])
  })

  test('writes labels beyond ASCII as UTF-8, without control characters', async () => {
    const headers = await headersFor({ team: 'r\x00ö\x7ft' })
    assert.deepEqual(headers, ['x-team', Buffer.from('röt').toString('latin1')])
  })

  for (const name of ['x y', 'x:y', '', 'Content-Length', 'transfer-encoding', 'Host']) {
    test(`refuses the header "${name}"`, () => {
      const create = () => configure(attachConsumerLabel, { headers: { [name]: '$team' } })
      assert.throws(create, { code: 'GW_CONFIG_INVALID' })
    })
  }
})
