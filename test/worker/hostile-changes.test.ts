import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { UpstreamHandle } from '../../src/model/request-context.ts'
import type { Plugin, PluginHost, PluginInstance } from '../../src/plugins/contract.ts'
import { until } from '../helpers/stack.ts'
import { fakePlugin } from './plugins/plugin-fixtures.ts'
import { startRig } from './worker-rig.ts'

const statusOf = (received: string) => Number(received.slice(9, 12))
const bodyOf = (received: string) => received.slice(received.indexOf('\r\n\r\n') + 4)

/** A plugin that waits until it is let go. */
function gated(more: PluginInstance = {}) {
  const gate = Promise.withResolvers<undefined>()
  const entered = Promise.withResolvers<void>()
  const instance: PluginInstance = {
    access: () => {
      entered.resolve()
      return gate.promise
    },
    ...more,
  }
  return { instance, entered: entered.promise, open: () => gate.resolve(undefined) }
}

suite('changes while requests wait in a plugin', () => {
  test('the route changes, loses its plugins, goes, comes back: the request goes on', async (t) => {
    const rig = await startRig(t, (_, response) => void response.end('ok'))
    const upstream = { type: 'roundrobin', nodes: { [rig.node.address]: 1 } }
    const changes: [string, () => void][] = [
      ['other plugins', () => rig.route('r', () => ({ access: () => ({ status: 403 }) }))],
      ['no plugins', () => rig.put('routes', { id: 'r', uri: '/r/*', upstream })],
      ['gone', () => rig.remove('routes', 'r')],
      ['turned off', () => rig.put('routes', { id: 'r', uri: '/r/*', upstream, status: 0 })],
    ]
    for (const [what, change] of changes) {
      let logged = 0
      let stopped = 0
      const { instance, entered, open } = gated({
        log: () => void logged++,
        stop: () => void stopped++,
      })
      rig.route('r', () => instance)
      const answer = rig.get('/r/')
      await entered
      change()
      assert.equal(stopped, 1, what)
      open()
      const received = await answer
      assert.equal(bodyOf(received), 'ok', `${what}: ${received}`)
      assert.equal(logged, 1, what)
    }
    await until(async () => rig.busy() === 0)
  })

  test('its upstream, service and everything else goes: the request goes on', async (t) => {
    const rig = await startRig(t, (_, response) => void response.end('ok'))
    const upstream = { type: 'roundrobin', nodes: { [rig.node.address]: 1 } }
    const { instance, entered, open } = gated()
    rig.put('upstreams', { id: 'u', ...upstream })
    rig.put('services', { id: 's', upstream_id: 'u' })
    rig.route('r', () => instance, { upstream: undefined, service_id: 's' })
    const answer = rig.get('/r/')
    await entered
    rig.remove('routes', 'r')
    rig.remove('services', 's')
    rig.remove('upstreams', 'u')
    open()
    assert.equal(bodyOf(await answer), 'ok')
    await until(async () => rig.clients.size === 0)
    const again = gated()
    rig.put('upstreams', { id: 'u', ...upstream })
    rig.route('r', () => again.instance, { upstream: undefined, upstream_id: 'u' })
    const stopped = rig.get('/r/')
    await again.entered
    rig.table.stop()
    again.open()
    assert.equal(bodyOf(await stopped), 'ok', 'the whole table was replaced')
  })

  test('the upstream of a plugin: its own stays for the request, one that is gone is 503', async (t) => {
    let handle: UpstreamHandle | undefined
    const gate = Promise.withResolvers<undefined>()
    const entered = Promise.withResolvers<void>()
    let nodes = {}
    const splitter = fakePlugin('splitter', 20, () => ({}), {
      create(config: Record<string, unknown>, host: PluginHost): PluginInstance {
        const own = config['refer'] === undefined
        handle = own
          ? host.upstreams.create({ type: 'roundrobin', nodes })
          : host.upstreams.refer(String(config['refer']))
        return {
          access(request) {
            request.forwardUpstream = handle
            entered.resolve()
            return gate.promise
          },
        }
      },
    } as Partial<Plugin>)
    const rig = await startRig(t, (_, response) => void response.end('ok'), {}, [splitter])
    nodes = { [rig.node.address]: 1 }
    const route = { uri: '/r/*', upstream: { type: 'roundrobin', nodes: { '127.0.0.1:9': 1 } } }
    rig.put('routes', { id: 'r', ...route, plugins: { splitter: {} } })
    const answer = rig.get('/r/')
    await entered.promise
    rig.remove('routes', 'r')
    gate.resolve(undefined)
    assert.equal(bodyOf(await answer), 'ok')
    rig.put('upstreams', { id: 'u', type: 'roundrobin', nodes })
    rig.put('routes', { id: 'r', ...route, plugins: { splitter: { refer: 'u' } } })
    assert.equal(bodyOf(await rig.get('/r/')), 'ok')
    rig.remove('upstreams', 'u')
    assert.equal(statusOf(await rig.get('/r/')), 503)
  })

  test('a plugin that fails to stop holds nothing up', async (t) => {
    const rig = await startRig(t)
    const stop = () => assert.fail('on purpose')
    rig.route('a', () => ({ access: () => ({ status: 201 }), stop }))
    rig.route('b', () => ({ access: () => ({ status: 201 }), stop }))
    rig.route('a', () => ({ access: () => ({ status: 202 }) }))
    assert.equal(statusOf(await rig.get('/a/')), 202)
    assert.deepEqual(rig.table.quarantined, [])
    rig.remove('routes', 'b')
    rig.table.stop()
  })

  test('one object for all owners, or one that can not be changed, is an instance too', async (t) => {
    const rig = await startRig(t)
    let stopped = 0
    const shared = Object.freeze({ access: () => ({ status: 201 }), stop: () => void stopped++ })
    rig.route('a', () => shared)
    rig.route('b', () => shared)
    for (let i = 0; i < 10; i++) rig.route('a', () => shared)
    assert.equal(stopped, 10)
    assert.equal(statusOf(await rig.get('/a/')), 201)
    for (const none of [Promise.reject(new Error('late')), undefined, null, 7]) {
      rig.route('b', () => none as never)
      assert.match(rig.table.quarantined[0]?.reason ?? '', /create must return an object/)
    }
    assert.equal(statusOf(await rig.get('/b/')), 201, 'the last good one')
  })

  test('objects that come and go leave nothing behind', async (t) => {
    const rig = await startRig(t)
    let running = 0
    const create = () => {
      running++
      return { access: () => ({ status: 201 }), stop: () => void running-- }
    }
    for (let i = 0; i < 2000; i++) {
      rig.route(`r${i}`, create)
      rig.put('plugin_configs', { id: `p${i}`, plugins: { hostile: rig.config(`r${i}`) } })
      rig.put('consumers', { username: `c${i}`, plugins: { hostile: rig.config(`r${i}`) } })
      rig.remove('consumers', `c${i}`)
      rig.remove('plugin_configs', `p${i}`)
      rig.remove('routes', `r${i}`)
    }
    assert.equal(running, 0)
    assert.equal(rig.table.plugins.owners, 0)
  })
})
