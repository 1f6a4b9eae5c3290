import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { DRAIN_WAIT_MS } from '../../src/settings/drain-presets.ts'
import { loadGatewaySettings } from '../../src/settings/gateway-settings.ts'
import { temporaryFolder } from '../helpers/stack.ts'

const FOLDER = join(import.meta.dirname, '../../systemd')
const units = readdirSync(FOLDER).filter((name) => /\.(service|socket)$/.test(name))
const services = units.filter((name) => name.endsWith('.service'))

const present = spawnSync('systemd-analyze', ['--version']).status === 0
const skip = present ? false : 'systemd-analyze is not installed'

/** Above this, `systemd-analyze security` calls a service MEDIUM. */
const MAX_EXPOSURE = 2

function read(unit: string): string {
  return readFileSync(join(FOLDER, unit), 'utf8')
}

function settingOf(unit: string, name: string): string {
  return new RegExp(`^${name}=(.*)$`, 'm').exec(read(unit))?.[1] ?? ''
}

suite('systemd units', () => {
  test('are valid', { skip }, async (t) => {
    const folder = await temporaryFolder(t)
    for (const unit of units) {
      // Node and the user are there only where Holdfast is installed.
      const text = read(unit)
        .replace('/usr/bin/node', process.execPath)
        .replace(/^(User|Group)=.*$/gm, '$1=root')
        .replace(/^Documentation=.*$/gm, '')
      await writeFile(join(folder, unit), text)
    }
    const paths = units.map((unit) => join(folder, unit))
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...paths], {
      encoding: 'utf8',
    })
    // Units of the machine itself are read too; only ours count.
    const ours = stderr.split('\n').filter((line) => line.includes('holdfast'))
    assert.deepEqual(ours, [])
    assert.equal(status, 0, stderr)
  })

  for (const service of services) {
    test(`${service} is hardened`, { skip }, (t) => {
      const threshold = `--threshold=${MAX_EXPOSURE * 10}`
      const result = spawnSync(
        'systemd-analyze',
        ['security', '--offline=true', '--no-pager', threshold, join(FOLDER, service)],
        { encoding: 'utf8' },
      )
      t.diagnostic(result.stdout.split('\n').findLast((line) => line.includes('Overall')) ?? '')
      assert.equal(result.status, 0, result.stdout + result.stderr)
    })
  }

  test('give a gateway the time to drain', () => {
    const { drainTimeoutMs } = loadGatewaySettings({
      env: { HOLDFAST_DATABASE_URL: 'postgres://h/d', HOLDFAST_ENV_FILE: '/dev/null' },
    })
    const longest = Math.max(...Object.values(DRAIN_WAIT_MS)) + drainTimeoutMs
    assert.ok(
      Number(settingOf('holdfast-gateway.service', 'TimeoutStopSec')) * 1000 > longest + 5_000,
    )
  })

  test('start after the longest wait for configuration has been announced', () => {
    assert.ok(Number(settingOf('holdfast-gateway.service', 'TimeoutStartSec')) > 60)
  })
})
