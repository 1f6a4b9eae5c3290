import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { assessConvergence, type FleetFacts } from '../../src/control/holdfast-api/convergence.ts'
import { assessInstance } from '../../src/control/holdfast-api/instance-state.ts'
import type { InstanceReport, ReportedWorker } from '../../src/model/instance.ts'
import type { RevisionMark } from '../../src/model/revision.ts'
import type { StoredInstance } from '../../src/store/instances.ts'

const AGES = { lostAfterMs: 10_000, offlineAfterMs: 60_000 }
const mark = (revision: number, digest = `d${revision}`): RevisionMark => ({
  epoch: 'e',
  revision,
  digest,
})
const worker = (id: number, applied: RevisionMark | null = mark(5)): ReportedWorker => ({
  ...{ id, pid: 100 + id, applied, serving: true, draining: false },
})

function instance(
  report: Partial<InstanceReport> = {},
  stored: Partial<StoredInstance> = {},
): StoredInstance {
  return {
    ...{ id: 'i1', group: 'g', startedAt: '', lastSeen: '', ageMs: 0, stopped: false, ...stored },
    report: {
      ...{ version: '1', hostname: 'h1', pid: 1, listeners: [], tier: 'postgres' },
      ...{ status: { host: '127.0.0.1', port: 1 }, connected: true, notReady: null },
      ...{ draining: false, following: true, applied: mark(5), servedDigest: 'd5' },
      ...{ workersWanted: 2, workers: [worker(1), worker(2)] },
      ...{ quarantined: [], quarantinedTotal: 0, ...report },
    },
  }
}

function facts(...instances: StoredInstance[]): FleetFacts {
  const digests = new Map([3, 4, 5].map((revision) => [revision, `d${revision}`]))
  return {
    instances: instances.map((each) => assessInstance(each, AGES)),
    head: mark(5),
    digests,
  }
}

const changed = new Set(['routes/1'])
const assess = (revision: number, ...instances: StoredInstance[]) =>
  assessConvergence(facts(...instances), { revision, changed })

suite('state of an instance', () => {
  const quarantined = [{ kind: 'routes' as const, id: '1', reason: 'bad' }]
  const cases: [string, StoredInstance, string, RegExp][] = [
    ['all is well', instance(), 'healthy', /^$/],
    [
      'an object is quarantined',
      instance({ quarantined, quarantinedTotal: 1 }),
      'degraded',
      /quarantined: 1/,
    ],
    ['it serves the backup', instance({ tier: 'backup', connected: false }), 'degraded', /backup/],
    ['a worker is missing', instance({ workers: [worker(1)] }), 'degraded', /1 of 2/],
    ['it is not ready', instance({ notReady: 'worker 2 hangs' }), 'degraded', /worker 2 hangs/],
    ['it drains', instance({ draining: true, notReady: 'draining' }), 'draining', /^$/],
    ['it is silent', instance({}, { ageMs: 10_001 }), 'lost', /10 s/],
    ['it is silent for long', instance({}, { ageMs: 60_001 }), 'offline', /60 s/],
    ['it said good-bye', instance({}, { stopped: true }), 'offline', /stopped/],
  ]
  for (const [name, given, state, reason] of cases) {
    test(`${name}: ${state}`, () => {
      const assessed = assessInstance(given, AGES)
      assert.equal(assessed.state, state)
      assert.match(assessed.reasons.join(', '), reason)
    })
  }
})

suite('convergence', () => {
  const quarantined = [{ kind: 'routes' as const, id: '1', reason: 'bad' }]
  const other = [{ kind: 'routes' as const, id: '2', reason: 'bad' }]

  test('nobody there: converged', () => {
    const { converged, live } = assess(5)
    assert.deepEqual({ converged, live }, { converged: true, live: 0 })
  })

  test('every worker has it, or a later one: converged', () => {
    assert.ok(assess(5, instance()).converged)
    assert.ok(assess(3, instance({ workers: [worker(1, mark(4)), worker(2)] })).converged)
  })

  test('who is lost, offline, stopped or stopping is not waited for; who is lost is named', () => {
    const behind = { applied: mark(1), servedDigest: 'd1' }
    const result = assess(
      5,
      instance(behind, { ageMs: 20_000, id: 'lost' }),
      instance(behind, { ageMs: 90_000 }),
      instance(behind, { stopped: true }),
      instance({ ...behind, draining: true, following: false }),
    )
    assert.ok(result.converged)
    assert.equal(result.live, 0)
    assert.deepEqual(
      result.lost.map((each) => each.instance),
      ['lost'],
    )
  })

  test('an instance that drains and still follows counts', () => {
    assert.equal(assess(5, instance({ draining: true })).live, 1)
  })

  const cases: [string, Partial<InstanceReport>, number | null, RegExp][] = [
    ['serves nothing', { applied: null, servedDigest: null }, null, /nothing/],
    ['is behind', { applied: mark(4), servedDigest: 'd4' }, null, /not applied/],
    [
      'is behind and cut off',
      { applied: mark(4), servedDigest: 'd4', connected: false },
      null,
      /can not read/,
    ],
    ['has another epoch', { applied: { ...mark(5), epoch: 'x' } }, null, /history/],
    ['is ahead', { applied: mark(6), servedDigest: 'd6' }, null, /ahead/],
    ['has no worker', { workers: [] }, null, /no worker/],
    ['has a worker behind', { workers: [worker(1), worker(2, mark(4))] }, 2, /not applied/],
    ['has a new worker', { workers: [worker(1), worker(2, null)] }, 2, /nothing yet/],
    ['refuses the object', { quarantined, quarantinedTotal: 1 }, null, /routes\/1 .*bad/],
  ]
  for (const [name, report, expectedWorker, reason] of cases) {
    test(`${name}: waiting`, () => {
      const { converged, waiting } = assess(5, instance(report))
      assert.equal(converged, false)
      assert.equal(waiting[0]?.worker, expectedWorker)
      assert.match(waiting[0]?.reason ?? '', reason)
      assert.equal(waiting[0]?.host, 'h1')
    })
  }

  test('objects of other revisions may be quarantined; the workers then serve another digest', () => {
    const workers = [worker(1, mark(5, 'served')), worker(2, mark(5, 'served'))]
    const report = { quarantined: other, quarantinedTotal: 1, servedDigest: 'served', workers }
    assert.ok(assess(5, instance(report)).converged)
  })

  test('same revision, other content: mismatch, of the instance or of a worker', () => {
    const whole = assess(5, instance({ applied: mark(5, 'x') }))
    assert.equal(whole.converged, false)
    assert.deepEqual(whole.digestMismatches[0], {
      ...{ instance: 'i1', host: 'h1', worker: null, revision: 5, digest: 'x', expected: 'd5' },
    })
    const one = assess(5, instance({ workers: [worker(1), worker(2, mark(5, 'x'))] }))
    assert.equal(one.digestMismatches[0]?.worker, 2)
    const older = assess(4, instance({ workers: [worker(1, mark(4, 'x')), worker(2)] }))
    assert.equal(older.digestMismatches[0]?.expected, 'd4')
  })
})
