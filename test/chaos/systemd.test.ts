import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { freePort } from '../helpers/free-port.ts'
import { until } from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'
import { startSystemdMachine } from '../helpers/systemd-machine.ts'

const GATEWAY = 'holdfast-gateway.service'
const SOCKET = 'holdfast-gateway.socket'
/** The unit's own 30 s would make the test long. */
const WATCHDOG_S = 6

/** A route that needs no node. */
const ROUTES = { routes: [{ id: '1', uri: '/', plugins: { mocking: { response_example: 'ok' } } }] }

suite('systemd', () => {
  test('starts, reloads, watches and replaces a gateway', async (t) => {
    const [http, status, metrics, control] = await Promise.all(Array.from({ length: 4 }, freePort))
    const settings = {
      HOLDFAST_CONFIG_PROVIDER: 'file',
      HOLDFAST_CONFIG_FILE: '/etc/holdfast/routes.json',
      HOLDFAST_WORKERS: '2',
      HOLDFAST_HTTP_LISTEN: `127.0.0.1:${http}`,
      HOLDFAST_STATUS_LISTEN: `127.0.0.1:${status}`,
      HOLDFAST_METRICS_LISTEN: `127.0.0.1:${metrics}`,
      HOLDFAST_CONTROL_API_LISTEN: `127.0.0.1:${control}`,
    }
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
    const machine = await startSystemdMachine(t, {
      '/etc/holdfast/holdfast.env': lines.join('\n'),
      '/etc/holdfast/routes.json': JSON.stringify(ROUTES),
      [`/etc/systemd/system/${GATEWAY}.d/test.conf`]: `[Service]\nWatchdogSec=${WATCHDOG_S}\n`,
      [`/etc/systemd/system/${SOCKET}.d/test.conf`]: `[Socket]\nListenStream=\nListenStream=127.0.0.1:${http}\n`,
    })
    if (machine === undefined) return t.skip('no systemd of its own can be started here')
    const url = `http://127.0.0.1:${http}/`
    const mainPid = () => machine.property(GATEWAY, 'MainPID')
    const serves = async () => (await fetch(url).catch(() => undefined))?.status === 200

    /** How many requests failed while `fault` was done and the service became active again. */
    async function underLoad(fault: () => Promise<unknown>) {
      const load = startLoad(url, 4)
      await fault()
      await until(
        async () => (await machine?.property(GATEWAY, 'ActiveState')) === 'active',
        60_000,
      )
      await until(serves)
      return load.stop()
    }

    async function isReplaced(before: string): Promise<void> {
      await until(async () => !['0', before].includes(await mainPid()), 60_000)
    }

    await t.test('`start` returns when it serves', async () => {
      await machine.run('systemctl', 'start', GATEWAY)
      assert.ok(await serves())
      assert.equal(await machine.property(GATEWAY, 'StatusText'), 'ready')
    })

    await t.test('`reload` fails no request', async (step) => {
      const before = await mainPid()
      const { sent, failures } = await underLoad(async () => {
        await machine.run('systemctl', 'reload', GATEWAY)
        await until(async () => {
          const journal = await machine.run('journalctl', '-o', 'cat', '-u', GATEWAY)
          return journal.includes('"msg":"gateway reloaded"')
        })
      })
      step.diagnostic(`${sent} requests, ${failures.length} failed`)
      assert.deepEqual(failures, [])
      assert.equal(await mainPid(), before)
    })

    await t.test('a hand-over to a new process fails no request', async (step) => {
      const before = await mainPid()
      const { sent, failures } = await underLoad(async () => {
        await machine.signal(GATEWAY, 'USR2')
        await isReplaced(before)
      })
      step.diagnostic(`${sent} requests, ${failures.length} failed`)
      assert.deepEqual(failures, [])
      assert.equal(await machine.property(GATEWAY, 'NRestarts'), '0')
    })

    await t.test('a frozen primary is found by the watchdog', async (step) => {
      const before = await mainPid()
      const startedAt = performance.now()
      await machine.signal(GATEWAY, 'STOP')
      await isReplaced(before)
      await until(serves, 30_000)
      step.diagnostic(`serves again after ${Math.round(performance.now() - startedAt)} ms`)
    })

    await t.test('`stop` ends all of it in order', async () => {
      await machine.run('systemctl', 'stop', GATEWAY)
      assert.equal(await machine.property(GATEWAY, 'Result'), 'success')
      assert.equal(await machine.property(GATEWAY, 'TasksCurrent'), '[not set]')
    })

    await t.test('with the socket unit, a restart fails no request', async (step) => {
      await machine.run('systemctl', 'start', SOCKET, GATEWAY)
      const { sent, failures } = await underLoad(() => machine.run('systemctl', 'restart', GATEWAY))
      step.diagnostic(`${sent} requests, ${failures.length} failed`)
      assert.deepEqual(failures, [])
    })

    await t.test(
      'with it, a killed primary costs only what its workers had in hand',
      async (step) => {
        const before = await mainPid()
        const { sent, failures } = await underLoad(async () => {
          await machine.signal(GATEWAY, 'KILL')
          await isReplaced(before)
        })
        step.diagnostic(`${sent} requests, ${failures.length} failed`)
        assert.ok(failures.length <= 4, JSON.stringify(failures))
      },
    )
  })
})
