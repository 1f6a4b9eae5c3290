import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type ProbeJob, ProbeSchedule } from '../../../src/primary/health/probe-schedule.ts'

/** Jobs that end when they are told to; how many ran at once is counted. */
function createJobs(group: { concurrency: number }) {
  const pending: (() => void)[] = []
  const jobs: ProbeJob[] = []
  let running = 0
  let most = 0
  let runs = 0
  return {
    add(count: number, schedule: ProbeSchedule): void {
      for (let n = 0; n < count; n++) {
        const job: ProbeJob = {
          group,
          intervalMs: () => 1_000,
          run() {
            running++
            runs++
            most = Math.max(most, running)
            return new Promise((resolve) =>
              pending.push(() => {
                running--
                resolve()
              }),
            )
          },
        }
        jobs.push(job)
        schedule.add(job)
      }
    },
    jobs,
    async endAll() {
      while (pending.length > 0) {
        for (const end of pending.splice(0)) end()
        await nextTurn()
      }
    },
    get most() {
      return most
    },
    get runs() {
      return runs
    },
  }
}

function mockTimers(t: TestContext): void {
  t.mock.timers.enable({ apis: ['setTimeout'] })
}

suite('the schedule of probes', () => {
  test('runs no more at once than allowed, in all and of one upstream', async (t) => {
    mockTimers(t)
    const schedule = new ProbeSchedule({ concurrency: 4 })
    const a = createJobs({ concurrency: 3 })
    const b = createJobs({ concurrency: 3 })
    a.add(10, schedule)
    b.add(10, schedule)
    t.mock.timers.tick(1_000)
    await nextTurn()
    assert.equal(a.runs + b.runs, 4)
    while (a.runs + b.runs < 20) {
      await a.endAll()
      await b.endAll()
    }
    assert.ok(a.most <= 3 && b.most <= 3)
    schedule.stop()
  })

  test('probes again after the interval, and never what was removed', async (t) => {
    mockTimers(t)
    const schedule = new ProbeSchedule({ concurrency: 4, random: () => 0.5 })
    const jobs = createJobs({ concurrency: 3 })
    jobs.add(1, schedule)
    t.mock.timers.tick(500)
    assert.equal(jobs.runs, 1)
    await jobs.endAll()
    t.mock.timers.tick(1_000)
    assert.equal(jobs.runs, 2)
    const [job] = jobs.jobs
    assert.ok(job)
    schedule.remove(job)
    await jobs.endAll()
    t.mock.timers.tick(10_000)
    assert.equal(jobs.runs, 2)
    assert.equal(schedule.size, 0)
  })
})
