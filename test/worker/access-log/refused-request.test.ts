import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { REFUSALS } from '../../../src/http/refusal.ts'
import { refusalMessage } from '../../../src/http/refusal-message.ts'
import { compileLogLine } from '../../../src/worker/access-log/log-line.ts'
import { refusedRequest } from '../../../src/worker/access-log/refused-request.ts'

const CONNECTION = {
  remoteAddress: '192.0.2.7',
  remotePort: 40_000,
  localAddress: '192.0.2.1',
  localPort: 9080,
  encrypted: false,
}

suite('the line of a refused request', () => {
  test('says who, what status, how many bytes and why', () => {
    const format = '$remote_addr "$request" $status $body_bytes_sent "$http_referer" $refusal'
    const line = compileLogLine({ format, escape: 'default' })
    const [, body = ''] = refusalMessage(REFUSALS.noHost, false, '').split('\r\n\r\n')
    assert.equal(
      line(refusedRequest(REFUSALS.noHost, CONNECTION)),
      `192.0.2.7 "-" 400 ${body.length} "-" the Host header is missing`,
    )
  })

  test('can hold every variable', () => {
    const names = ['upstream_addr', 'args', 'arg_a', 'cookie_a', 'route_id', 'scheme', 'request_id']
    const line = compileLogLine({
      format: names.map((name) => `$${name}`).join(' '),
      escape: 'json',
    })
    assert.match(line(refusedRequest(REFUSALS.slowHead, CONNECTION)), /^ {5}http [0-9a-f]{32}$/)
  })
})
