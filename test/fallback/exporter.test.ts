import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import pino from 'pino'
import { createS3Exporter } from '../../src/fallback/exporter.ts'
import { ConfigState } from '../../src/model/config-state.ts'
import { CONFIG_BUCKET, RESOURCE_BUCKET, startS3, type TestS3 } from '../helpers/s3.ts'
import { until } from '../helpers/stack.ts'

/** Short for the tests' sake, long enough for a busy machine. */
const TRY_MS = 1_500

interface Line {
  level: number
  msg: string
  reason?: string
}

/** An exporter of one group whose configuration and leadership the test decides. */
function start(t: TestContext, s3: TestS3, { everyMs = 3_600_000 } = {}) {
  const lines: Line[] = []
  const log = pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line)) })
  const leadership = { isHeld: true, timeline: 1 }
  const source = {
    revision: 1,
    loads: 0,
    error: undefined as Error | undefined,
    state(group: string) {
      if (source.error) throw source.error
      const state = new ConfigState(group, { epoch: 'e1', revision: source.revision })
      state.load('routes', { id: 'r', uri: `/${source.revision}`, upstream_id: 'u' })
      return state
    },
  }
  const exporter = createS3Exporter(
    { ...s3.settings, schedule: { everyMs } },
    {
      source: {
        listGroups: async () => ['blue'],
        readHead: async (group) => source.state(group).mark,
        async loadSnapshot(group) {
          source.loads++
          return source.state(group).toSnapshot(new Date())
        },
      },
      leadership,
      instanceConfig: () => ({ keyring: { ids: ['k1'] } }),
      log,
      debounceMs: 30,
      pollMs: 50,
      times: { tryMs: TRY_MS },
    },
  )
  t.after(() => exporter.stop())
  exporter.start()
  const head = () => s3.readJson(RESOURCE_BUCKET, 'blue/HEAD.json')
  const exported = (revision: number) =>
    until(async () => (await head())?.['revision'] === revision)
  return { exporter, source, leadership, lines, head, exported }
}

suite('exporter', { concurrency: true }, () => {
  test('exports at start, after changes, and beside it the instance configuration', async (t) => {
    const s3 = await startS3(t)
    const { exporter, source, exported } = start(t, s3)
    await exported(1)
    source.revision = 2
    exporter.touch('blue')
    await exported(2)
    const instance = await s3.readJson(CONFIG_BUCKET, 'blue/instance.json')
    assert.deepEqual(instance?.['keyring'], { ids: ['k1'] })
    assert.equal(instance?.['group'], 'blue')
    const { leader, groups } = exporter.state
    assert.equal(leader, true)
    assert.deepEqual(
      { ...groups['blue'], lastExportAt: '' },
      {
        revision: 2,
        lastExportAt: '',
        error: undefined,
      },
    )
  })

  test('finds changes without hints', async (t) => {
    const { source, exported } = start(t, await startS3(t))
    await exported(1)
    source.revision = 2
    await exported(2)
  })

  test('a burst becomes few exports, the newest wins', async (t) => {
    const { exporter, source, exported } = start(t, await startS3(t))
    await exported(1)
    const before = source.loads
    for (let i = 0; i < 200; i++) {
      source.revision++
      exporter.touch('blue')
    }
    await exported(201)
    assert.ok(source.loads - before <= 3, `${source.loads - before} loads`)
  })

  test('renews HEAD on schedule', async (t) => {
    const { head, exported } = start(t, await startS3(t), { everyMs: 200 })
    await exported(1)
    const first = (await head())?.['writtenAt']
    await until(async () => (await head())?.['writtenAt'] !== first)
  })

  test('does nothing without the leadership', async (t) => {
    const s3 = await startS3(t)
    const { exporter, leadership, source, exported, head } = start(t, s3)
    await exported(1)
    leadership.isHeld = false
    source.revision = 2
    exporter.touch('blue')
    exporter.poll()
    await exporter.stop()
    assert.equal((await head())?.['revision'], 1)
    assert.equal(exporter.state.leader, false)
  })

  test('a stop exports what is due', async (t) => {
    const { exporter, source, exported, head } = start(t, await startS3(t))
    await exported(1)
    source.revision = 2
    exporter.touch('blue')
    await exporter.stop()
    assert.equal((await head())?.['revision'], 2)
  })

  test('PostgreSQL away: what is exported stays, one line tells', async (t) => {
    const s3 = await startS3(t)
    const { exporter, source, exported, head, lines } = start(t, s3)
    await exported(1)
    source.error = new Error('PostgreSQL is not available')
    exporter.touch('blue')
    await until(() => exporter.state.groups['blue']?.error !== undefined)
    assert.equal((await head())?.['revision'], 1)
    source.error = undefined
    source.revision = 2
    await exported(2)
    await until(() => exporter.state.groups['blue']?.error === undefined)
    const warnings = lines.filter(({ level }) => level >= 40)
    assert.deepEqual(
      warnings.map(({ reason }) => reason),
      ['PostgreSQL is not available'],
    )
  })

  const faults = [
    { name: 'errors of the server', fault: { status: 500 }, reason: /could not be had: 500/ },
    { name: 'refusals', fault: { status: 403 }, reason: /forbidden/ },
    { name: 'silence', fault: 'hang', reason: /does not answer within/ },
    { name: '1 byte a second', fault: { bytesPerSecond: 1 }, reason: /does not answer/ },
  ] as const
  for (const { name, fault, reason } of faults) {
    test(`${name}: tried again with one line, mended by itself`, async (t) => {
      const s3 = await startS3(t)
      const { exporter, source, exported, lines } = start(t, s3)
      await exported(1)
      s3.fault = () => fault
      source.revision = 2
      exporter.touch('blue')
      await until(() => exporter.state.groups['blue']?.error !== undefined)
      assert.match(exporter.state.groups['blue']?.error ?? '', reason)
      const asked = s3.requests.length
      await until(() => s3.requests.length > asked)
      s3.fault = () => undefined
      await exported(2)
      await until(() => lines.some(({ msg }) => msg === 'export to S3 works again'))
      assert.equal(exporter.state.groups['blue']?.error, undefined)
      const told = lines.filter(({ level }) => level >= 40).map(({ reason }) => reason)
      assert.deepEqual(told, [...new Set(told)], 'each reason once')
    })
  }
})
