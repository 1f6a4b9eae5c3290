import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { PluginInstance, RequestContext } from '../../src/plugins/contract.ts'
import { until } from '../helpers/stack.ts'
import { startRig } from './worker-rig.ts'

const statusOf = (received: string) => Number(received.slice(9, 12))
const bodyOf = (received: string) => received.slice(received.indexOf('\r\n\r\n') + 4)

/** A plugin in JavaScript may do what its types forbid. */
const anything = (value: unknown) => value as never

suite('plugins that misbehave', () => {
  const replies: [string, unknown][] = [
    ['nothing at all', null],
    ['no status', {}],
    ['a status that is none', { status: 42 }],
    ['a field with a line break', { status: 200, headers: { 'x-a': 'a\r\nx-b: b' } }],
    ['a field with a null', { status: 200, headers: { 'x-a': 'a\0' } }],
    ['a field beyond latin1', { status: 200, headers: { 'x-a': '\u010d\u010a' } }],
    ['a name with a line break', { status: 200, headers: { 'x-a\r\nx-b': 'b' } }],
    ['a number as a field', { status: 200, headers: { 'x-a': 1 } }],
    ['a body that is no JSON', { status: 200, body: { big: 1n } }],
    ['a function as its body', { status: 200, body: () => 1 }],
  ]
  test('whose reply can not be sent: 500, at once or later', async (t) => {
    const rig = await startRig(t)
    for (const late of [false, true]) {
      for (const [what, reply] of replies) {
        rig.route('r', () => ({ access: () => anything(late ? Promise.resolve(reply) : reply) }))
        const received = await rig.get('/r/')
        assert.equal(statusOf(received), 500, `${what} ${late}: ${received}`)
        assert.doesNotMatch(received, /x-b/, what)
      }
    }
    assert.equal(rig.engine.pendingRequests, 0)
  })

  const requests: [string, (request: RequestContext) => void][] = [
    ['value with a line break', ({ headers }) => headers.push('x-a', 'a\r\nx-b: b')],
    ['value with a null', ({ headers }) => headers.push('x-a', 'a\0b')],
    ['value beyond latin1', ({ headers }) => headers.push('x-a', '\u010d\u010ax-b: b')],
    ['name with a line break', ({ headers }) => headers.push('x-a\r\nx-b', 'b')],
    ['name that is undefined', ({ headers }) => headers.push(anything(undefined), 'b')],
    [
      'path with a line break',
      (request) => {
        request.forwardPath = '/a HTTP/1.1\r\nx-b: b\r\n\r\nGET /b'
      },
    ],
    [
      'path beyond latin1',
      (request) => {
        request.forwardPath = '/\u010d\u010a'
      },
    ],
    [
      'query with a line break',
      (request) => {
        request.query = 'a HTTP/1.1\r\nx-b: b'
      },
    ],
    [
      'host with a line break',
      (request) => {
        request.forwardHost = 'a\r\nx-b: b'
      },
    ],
    [
      'method with a line break',
      (request) => {
        request.method = 'GET / HTTP/1.1\r\nx-b: b\r\n\r\nGET'
      },
    ],
  ]
  test('whose request can not be sent: 500 or 502, and the node hears nothing', async (t) => {
    const rig = await startRig(t, (_, response) => response.end('ok'))
    for (const late of [false, true]) {
      for (const [what, change] of requests) {
        const access = late
          ? async (request: RequestContext) => void change(request)
          : (request: RequestContext) => void change(request)
        rig.route('r', () => ({ access: access as NonNullable<PluginInstance['access']> }))
        const received = await rig.get('/r/')
        assert.ok([500, 502].includes(statusOf(received)), `${what} ${late}: ${received}`)
      }
    }
    assert.equal(rig.node.requests(), 0)
    assert.equal(rig.busy(), 0)
    assert.equal(rig.engine.pendingRequests, 0)
  })

  test('that fail at the answer of a node give its connection back', async (t) => {
    const rig = await startRig(t, (_, response) => {
      response.write('x'.repeat(1000))
      setImmediate(() => response.end('y'.repeat(1000)))
    })
    for (const phase of ['headerFilter', 'bodyFilter', 'encodeBody']) {
      const fail = () => assert.fail('on purpose')
      rig.route('r', () => ({ [phase]: fail }))
      for (let i = 0; i < 5; i++) assert.equal(statusOf(await rig.get('/r/')), 500)
    }
    await until(async () => rig.busy() === 0)
  })

  test('that fail in the middle of a body cut it and give the connection back', async (t) => {
    const rig = await startRig(t, (_, response) => {
      const timer = setInterval(() => response.write('x'.repeat(1000)), 5)
      response.on('close', () => clearInterval(timer))
    })
    const failures = [
      () => assert.fail('on purpose'),
      () => Promise.reject(new Error('on purpose')),
      () => anything('a string has another length: \u00e4'),
    ]
    for (const transform of failures) {
      rig.route('r', () => ({ bodyFilter: () => ({ transform }) }))
      const received = await rig.get('/r/')
      assert.doesNotMatch(received, /\r\n0\r\n\r\n$/, 'looks complete')
    }
    await until(async () => rig.busy() === 0)
  })

  test('that replace the body of an endless answer do not keep its node', async (t) => {
    let closed = 0
    const rig = await startRig(t, (request, response) => {
      response.write('x')
      const every = request.url?.endsWith('fast') ? 1 : 500
      const piece = 'x'.repeat(request.url?.endsWith('fast') ? 10_000 : 1)
      const timer = setInterval(() => response.write(piece), every)
      response.on('close', () => {
        closed++
        clearInterval(timer)
      })
    })
    rig.route('r', () => ({ headerFilter: (_, head) => head.replaceBody('short') }))
    assert.equal(bodyOf(await rig.get('/r/fast')), 'short')
    assert.equal(bodyOf(await rig.get('/r/slow')), 'short')
    await until(async () => closed === 2)
    assert.equal(rig.busy(), 0)
  })

  test('that throw when their filters are stopped still hear of the end', async (t) => {
    let ended = 0
    const rig = await startRig(t, (_, response) => void response.write('x'))
    rig.route('r', () => ({
      bodyFilter: () => ({
        transform: (chunk) => chunk,
        stop: () => assert.fail('on purpose'),
      }),
      log: () => void ended++,
    }))
    const client = await rig.client()
    client.send('GET /r/ HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until((received) => received.includes('\r\n\r\n1\r\nx'))
    client.socket.resetAndDestroy()
    await until(async () => ended === 1 && rig.busy() === 0)
  })
})

suite('clients that leave', () => {
  const phases = ['rewrite', 'access', 'beforeProxy'] as const
  test('while a plugin waits: the log runs once, nothing goes on', async (t) => {
    const rig = await startRig(t, (_, response) => response.end('ok'))
    for (const phase of phases) {
      let logged = 0
      let later = 0
      const gate = Promise.withResolvers<undefined>()
      const entered = Promise.withResolvers<void>()
      rig.route('r', () => ({
        [phase]: () => {
          entered.resolve()
          return gate.promise
        },
        headerFilter: () => void later++,
        log: ({ status }) => {
          assert.equal(status, 0)
          logged++
        },
      }))
      const client = await rig.client()
      client.send('GET /r/ HTTP/1.1\r\nHost: a\r\n\r\n')
      await entered.promise
      client.socket.resetAndDestroy()
      await until(async () => logged === 1)
      assert.equal(rig.engine.pendingRequests, 0)
      if (phase === 'access') gate.reject(new Error('too late'))
      else gate.resolve(undefined)
      for (let i = 0; i < 5; i++) await turn()
      assert.deepEqual([logged, later, rig.node.requests()], [1, 0, 0])
    }
  })

  test('while their body is read, by a plugin or for a condition', async (t) => {
    let logged = 0
    const rig = await startRig(t, (_, response) => response.end('ok'))
    rig.route('r', () => ({
      access: async (request) => void (await request.readBody()),
      log: () => void logged++,
    }))
    const upstream = { type: 'roundrobin', nodes: { [rig.node.address]: 1 } }
    rig.put('routes', { id: 'v', uri: '/v/*', vars: [['post_arg_a', '==', '1']], upstream })
    for (const path of ['/r/', '/v/']) {
      for (const framing of ['Content-Length: 10', 'Transfer-Encoding: chunked']) {
        const client = await rig.client()
        client.send(`POST ${path} HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n1`)
        await until(async () => rig.engine.pendingRequests === 1)
        client.socket.resetAndDestroy()
        await until(async () => rig.engine.pendingRequests === 0)
      }
    }
    assert.equal(logged, 2)
    assert.equal(rig.node.requests(), 0)
    assert.deepEqual(rig.errors, [])
  })

  test('while a body filter waits', async (t) => {
    let logged = 0
    let stopped = 0
    const rig = await startRig(t, (_, response) => void response.write('x'))
    const entered = Promise.withResolvers<void>()
    rig.route('r', () => ({
      bodyFilter: () => ({
        transform: () => {
          entered.resolve()
          return new Promise(() => {})
        },
        stop: () => void stopped++,
      }),
      log: () => void logged++,
    }))
    const client = await rig.client()
    client.send('GET /r/ HTTP/1.1\r\nHost: a\r\n\r\n')
    await entered.promise
    client.socket.resetAndDestroy()
    await until(async () => logged === 1 && rig.busy() === 0)
    assert.equal(stopped, 1)
  })
})

suite('slow clients', () => {
  for (const late of [false, true]) {
    test(`hold up the node through a filter that answers ${late ? 'later' : 'at once'}`, async (t) => {
      const total = 64 * 1024 * 1024
      let sent = 0
      let got = 0
      const rig = await startRig(t, (_, response) => {
        const piece = Buffer.alloc(64 * 1024, 'x')
        const more = () => {
          while (sent < total) {
            sent += piece.length
            if (!response.write(piece)) return void response.once('drain', more)
          }
          response.end()
        }
        more()
      })
      rig.route('r', () => ({
        bodyFilter: () => ({
          transform: (chunk) => (late ? Promise.resolve(chunk) : chunk),
        }),
      }))
      const client = await rig.client()
      client.socket.removeAllListeners('data').pause()
      client.send('GET /r/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      let before = -1
      await until(async () => {
        const stalled = sent > 0 && sent === before
        before = sent
        await new Promise((resolve) => setTimeout(resolve, 100))
        return stalled
      })
      assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes under way to a client that takes none`)
      client.socket.on('data', (text) => {
        got += text.length
      })
      client.socket.resume()
      await client.ended()
      assert.ok(got > total)
    })
  }
})
