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
      ...env,
    },
  })
}

suite('choose ports', () => {
  test('puts different free ports in place of port 0', async () => {
    const { http, admin, status, metrics } = await choosePorts(settingsWith({}))
    const ports = [...http, admin, status, metrics].map(({ port }) => port)
    assert.equal(new Set(ports).size, 5)
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

  test('names an address that is not of this machine', async () => {
    // TEST-NET-1, RFC 5737.
    await assert.rejects(choosePorts(settingsWith({ HOLDFAST_STATUS_LISTEN: '192.0.2.1:0' })), {
      message: '192.0.2.1:0 (HOLDFAST_STATUS_LISTEN) is not an address of this machine',
    })
  })
})
