import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import clientControl from '../../src/plugins/client-control.ts'
import { configure, createRequest, replyOf } from '../helpers/plugin-harness.ts'

suite('client-control', () => {
  const cases = [
    { max: 5, headers: ['content-length', '5'], status: undefined },
    { max: 5, headers: ['content-length', '6'], status: 413 },
    { max: 0, headers: ['content-length', '6000'], status: undefined },
  ]
  for (const { max, headers, status } of cases) {
    test(`a limit of ${max} and ${headers.join(' ')}: ${status ?? 'passes'}`, async () => {
      const instance = configure(clientControl, { max_body_size: max })
      const reply = await replyOf(instance, createRequest({ method: 'POST', headers, body: 'x' }))
      assert.equal(reply?.status, status)
    })
  }

  test('counts a body that is not announced', async () => {
    const instance = configure(clientControl, { max_body_size: 5 })
    const request = createRequest({ method: 'POST', body: '123456' })
    assert.equal(await replyOf(instance, request), undefined)
    const failed = Promise.withResolvers<Error>()
    const sink = { onData: () => true, onEnd() {}, onError: failed.resolve }
    request.body?.start(sink)
    assert.match((await failed.promise).message, /larger than 5 bytes/)
  })

  test('lets requests without a body pass', async () => {
    const instance = configure(clientControl, { max_body_size: 5 })
    assert.equal(await replyOf(instance, createRequest()), undefined)
  })
})
