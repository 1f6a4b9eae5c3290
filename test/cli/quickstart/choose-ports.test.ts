import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { suite, test } from 'node:test'
import { choosePorts } from '../../../src/cli/quickstart/choose-ports.ts'
import { loadQuickstartSettings } from '../../../src/settings/quickstart-settings.ts'

function settingsWith(env: Record<string, string>) {
  return loadQuickstartSettings({
    env: {
      HOLDFAST_ENV_FILE: '/dev/null',
      HOLDFAST_HTTP_LISTEN: '127.0.0.1:0,127.0.0.1:0',
      HOLDFAST_ADMIN_LISTEN: '127.0.0.1:0',
      HOLDFAST_STATUS_LISTEN: '127.0.0.1:0',
      HOLDFAST_METRICS_LISTEN: '127.0.0.1:0',
      HOLDFAST_CONTROL_API_LISTEN: '127.0.0.1:0',
      ...env,
    },
  })
}

suite('choose ports', () => {
  test('puts different free ports in place of port 0', async () => {
    const { http, admin, status, metrics, controlApi } = await choosePorts(settingsWith({}))
    const ports = [...http, admin, status, metrics, controlApi].map((one) => one?.port ?? 0)
    assert.equal(new Set(ports).size, 6)
    assert.ok(ports.every((port) => port > 0))
  })

  test('names the port that is taken, and its setting', async (t) => {
    const server = createServer().listen({ host: '127.0.0.1', port: 0 })
    t.after(() => server.close())
    await once(server, 'listening')
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
    await assert.rejects(choosePorts(settingsWith({ HOLDFAST_ADMIN_LISTEN: address })), {
      code: 'GW_LISTEN_FAILED',
      message: `${address} (HOLDFAST_ADMIN_LISTEN) is in use by another program; stop it, or choose another port`,
    })
  })

  test('takes another port for the control API when its own is taken', async (t) => {
    const server = createServer().listen({ host: '127.0.0.1', port: 0 })
    t.after(() => server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const taken = { HOLDFAST_CONTROL_API_LISTEN: `127.0.0.1:${port}` }
    const { controlApi } = await choosePorts(settingsWith(taken))
    assert.ok(controlApi !== undefined && controlApi.port > 0 && controlApi.port !== port)
    const off = await choosePorts(settingsWith({ HOLDFAST_CONTROL_API_LISTEN: 'off' }))
    assert.equal(off.controlApi, undefined)
  })

  test('names an address that is not of this machine', async () => {
    // TEST-NET-1, RFC 5737.
    await assert.rejects(choosePorts(settingsWith({ HOLDFAST_STATUS_LISTEN: '192.0.2.1:0' })), {
      message: '192.0.2.1:0 (HOLDFAST_STATUS_LISTEN) is not an address of this machine',
    })
  })
})
