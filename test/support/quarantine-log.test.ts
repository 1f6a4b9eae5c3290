import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Quarantined } from '../../src/model/ipc.ts'
import type { Logger } from '../../src/support/logger.ts'
import { createQuarantineLog } from '../../src/support/quarantine-log.ts'

const MISSING = 'global rule does not run, requests pass without it'

function startLog() {
  const lines: [fields: Record<string, unknown>, message: string][] = []
  const log = { error: (fields: object, message: string) => lines.push([{ ...fields }, message]) }
  return { lines, note: createQuarantineLog(log as unknown as Logger) }
}

const route = (id: string, reason = 'no uri'): Quarantined => ({ kind: 'routes', id, reason })

suite('the log of quarantined objects', () => {
  test('has each once for each reason, and again after it was good', () => {
    const { lines, note } = startLog()
    for (const objects of [[route('1')], [route('1')], [route('1', 'no node')], [], [route('1')]]) {
      note(objects)
    }
    const reasons = lines.map(([{ reason }]) => reason)
    assert.deepEqual(reasons, ['no uri', 'no node', 'no uri'])
  })

  test('has global rules that do not run first, whatever else is wrong', () => {
    const { lines, note } = startLog()
    const many = Array.from({ length: 100 }, (_, i) => route(String(i)))
    note([...many, { kind: 'global_rules', id: 'g', reason: 'bad', unguarded: true }])
    assert.equal(lines.length, 21)
    assert.deepEqual(lines[0], [{ kind: 'global_rules', id: 'g', reason: 'bad' }, MISSING])
    assert.deepEqual(lines.at(-1), [{ objects: 81 }, 'more objects quarantined'])
  })
})
