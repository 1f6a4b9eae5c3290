import assert from 'node:assert/strict'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import pino from 'pino'
import { createServiceManager } from '../../src/support/service-manager.ts'
import { startStack, temporaryFolder, until } from '../helpers/stack.ts'

/** A systemd-notify that writes each message as a line to a file: the one in NOTIFY_SOCKET. */
async function fakeSystemd(t: TestContext) {
  const folder = await temporaryFolder(t)
  const socket = join(folder, 'messages')
  await writeFile(socket, '')
  const program = join(folder, 'systemd-notify')
  await writeFile(program, '#!/bin/sh\necho "$*" >> "$NOTIFY_SOCKET"\n')
  await chmod(program, 0o755)
  const env = { NOTIFY_SOCKET: socket, PATH: `${folder}:${process.env['PATH']}` }
  const messages = async () => (await readFile(socket, 'utf8')).split('\n').slice(0, -1)
  return { env, messages }
}

function logInto(lines: string[]) {
  return pino({}, { write: (line: string) => void lines.push(line) })
}

suite('the service manager', () => {
  test('is told everything in order', async (t) => {
    const { env, messages } = await fakeSystemd(t)
    const lines: string[] = []
    const manager = createServiceManager(env, logInto(lines))
    manager.reloading()
    manager.ready('ready')
    manager.stopping()
    await until(async () => (await messages()).length === 3)
    const [reloading = '', ready, stopping] = await messages()
    assert.match(reloading, /^RELOADING=1 MONOTONIC_USEC=\d+ STATUS=reloading$/)
    assert.equal(ready, 'READY=1 STATUS=ready')
    assert.equal(stopping, 'STOPPING=1 STATUS=draining')
    assert.deepEqual(lines, [])
  })

  test('knows the new main process before the old one may go', async (t) => {
    const { env, messages } = await fakeSystemd(t)
    const manager = createServiceManager(env, logInto([]))
    manager.ready('ready')
    await manager.handedOver(4711)
    assert.deepEqual(await messages(), ['READY=1 STATUS=ready', 'MAINPID=4711'])
  })

  test('that can not be reached is logged once and harms nobody', async () => {
    const lines: string[] = []
    const env = { NOTIFY_SOCKET: '/nowhere', PATH: '/nowhere' }
    const manager = createServiceManager(env, logInto(lines))
    manager.ready('ready')
    manager.stopping()
    await until(() => lines.length > 0)
    manager.ready('ready')
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /ENOENT.*service manager could not be told/)
  })

  test('follows a gateway from start to stop, and hears no watchdog while it is frozen', async (t) => {
    const { env, messages } = await fakeSystemd(t)
    const { gateway } = await startStack(t, {
      workers: 1,
      env: { ...env, WATCHDOG_USEC: '300000' },
    })
    const count = async (text: string) =>
      (await messages()).filter((line) => line.startsWith(text)).length
    await until(async () => (await count('READY=1 STATUS=ready')) === 1)
    gateway.child.kill('SIGHUP')
    await until(async () => (await count('READY=1')) === 2)
    assert.equal(await count('RELOADING=1'), 1)

    const before = await count('WATCHDOG=1')
    await until(async () => (await count('WATCHDOG=1')) > before + 1)
    gateway.child.kill('SIGSTOP')
    // Those that were being sent arrive; then silence for longer than the watchdog allows.
    let last = { count: -1, at: 0 }
    await until(async () => {
      const now = await count('WATCHDOG=1')
      if (now !== last.count) last = { count: now, at: performance.now() }
      return performance.now() - last.at > 600
    })
    gateway.child.kill('SIGCONT')
    await until(async () => (await count('WATCHDOG=1')) > last.count)
    assert.equal(await gateway.stop(), 0)
    assert.equal(await count('STOPPING=1'), 1)
  })
})
