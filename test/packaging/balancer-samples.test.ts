import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { DRAIN_WAIT_MS } from '../../src/settings/drain-presets.ts'

const FOLDER = join(import.meta.dirname, '../../conf')

function read(name: string): string {
  return readFileSync(join(FOLDER, name), 'utf8')
}

/** The number in the first match. */
function numberIn(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? Number.NaN)
}

const CHECKS = [
  { file: 'haproxy.cfg', program: 'haproxy', args: ['-c', '-f'] },
  { file: 'keepalived.conf', program: 'keepalived', args: ['-t', '-f'] },
]

suite('samples for load balancers', () => {
  for (const { file, program, args } of CHECKS) {
    const present = spawnSync(program, ['--version']).error === undefined
    const skip = present ? false : `${program} is not installed`
    test(`${file} is accepted by ${program}`, { skip }, () => {
      const { status, stderr } = spawnSync(program, [...args, join(FOLDER, file)], {
        encoding: 'utf8',
      })
      assert.equal(status, 0, stderr)
    })
  }

  test('HAProxy notices a draining gateway before it stops accepting', () => {
    const server = /default-server .*$/m.exec(read('haproxy.cfg'))?.[0] ?? ''
    const noticedMs = numberIn(server, /inter (\d+)s/) * numberIn(server, /fall (\d+)/) * 1000
    assert.ok(noticedMs < DRAIN_WAIT_MS.haproxy, `${noticedMs}`)
  })

  test('keepalived notices a draining gateway before it stops accepting', () => {
    const text = read('keepalived.conf')
    const retriesS = numberIn(text, /\bretry (\d+)/) * numberIn(text, /delay_before_retry (\d+)/)
    const noticedMs = (numberIn(text, /delay_loop (\d+)/) + retriesS) * 1000
    assert.ok(noticedMs < DRAIN_WAIT_MS.lvs, `${noticedMs}`)
    assert.equal(
      text.match(/^\s*inhibit_on_failure/gm)?.length,
      text.match(/^\s*real_server/gm)?.length,
    )
  })

  test('AWS notices a draining gateway before it stops accepting', () => {
    const text = read('aws-target-groups.yaml')
    const intervalS = numberIn(text, /HealthCheckIntervalSeconds: (\d+)/)
    const noticedMs = intervalS * numberIn(text, /UnhealthyThresholdCount: (\d+)/) * 1000
    assert.ok(noticedMs < DRAIN_WAIT_MS.alb && noticedMs < DRAIN_WAIT_MS.nlb, `${noticedMs}`)
  })
})
