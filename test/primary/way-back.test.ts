import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { pino } from 'pino'
import { ConfigState } from '../../src/model/config-state.ts'
import type { ResourceBody } from '../../src/model/resource-kind.ts'
import type { Snapshot } from '../../src/model/snapshot.ts'
import type { Backup } from '../../src/primary/backup/backup.ts'
import { quarantineRecord, withQuarantine } from '../../src/primary/backup/quarantine-record.ts'
import { ServingConfig } from '../../src/primary/serving-config.ts'
import { WayBack } from '../../src/primary/way-back.ts'
import { PLAIN_SECRETS } from '../../src/support/resource-secrets.ts'

const log = pino({ level: 'silent' })

function route(id: string, uri: string, update_time: number): ResourceBody {
  return { id, uri, upstream_id: 'u', update_time }
}

function stateOf(revision: number, ...routes: ResourceBody[]): ConfigState {
  const state = new ConfigState('default', { epoch: 'e', revision })
  for (const body of routes) state.load('routes', body)
  return state
}

function backupOf(...states: ConfigState[]): Backup {
  return {
    state: { revision: undefined, writtenAt: undefined, error: undefined, skipped: [] },
    load: async () => undefined,
    async *all() {
      for (const state of states) {
        yield { file: 'x', snapshot: state.toSnapshot(new Date()), edited: false }
      }
    },
    schedule() {},
    async leave() {},
    async stop() {},
  }
}

function urisOf(config: ServingConfig): unknown[] {
  return config.bodies('routes').map(({ uri }) => uri)
}

suite('WayBack', () => {
  test('goes back one backup after the other, each alone, then gives up', async () => {
    const now = stateOf(3, route('1', '/a3', 7), route('2', '/b3', 7))
    const backup = backupOf(
      now,
      stateOf(2, route('1', '/a2', 5), route('2', '/b3', 7)),
      stateOf(1, route('1', '/a3', 7)),
    )
    const config = await ServingConfig.build(now)
    const wayBack = new WayBack(backup, PLAIN_SECRETS, log)
    assert.equal(await wayBack.tryNext(config, 3, 'died'), true)
    assert.deepEqual(urisOf(config), ['/a2', '/b3'])
    assert.equal(await wayBack.tryNext(config, 3, 'died'), true)
    assert.deepEqual(urisOf(config), ['/a3'])
    assert.equal(config.refusedRevisions[0]?.revision, 3)
    assert.equal(await wayBack.tryNext(config, 3, 'died'), false)
    assert.deepEqual(urisOf(config), ['/a3', '/b3'])
    assert.deepEqual(config.refusedRevisions, [])
  })

  test('without a backup, leaves out what was changed last, but never all', async () => {
    const state = stateOf(3, route('1', '/old', 1), route('2', '/new', 9), route('3', '/mid', 5))
    const config = await ServingConfig.build(state)
    const wayBack = new WayBack(backupOf(), PLAIN_SECRETS, log)
    assert.equal(await wayBack.tryNext(config, 3, 'died'), true)
    assert.deepEqual(urisOf(config), ['/old', '/mid'])
    assert.equal(await wayBack.tryNext(config, 3, 'died'), true)
    assert.deepEqual(urisOf(config), ['/old', '/new'])
    assert.equal(await wayBack.tryNext(config, 3, 'died'), false)
  })
})

suite('a refusal in a backup', () => {
  /** A configuration that refused the change of route 1 and left out route 2, as a backup has it. */
  async function refusingSnapshot(): Promise<Snapshot> {
    const state = stateOf(3, route('1', '/deadly', 7), route('2', '/too', 7))
    const config = await ServingConfig.build(state)
    const objects = [
      { kind: 'routes' as const, id: '1', body: route('1', '/good', 5) },
      { kind: 'routes' as const, id: '2', body: undefined },
    ]
    config.precede(3, objects)
    config.refuse(3, 'died')
    return JSON.parse(JSON.stringify(withQuarantine(config, state.toSnapshot(new Date()))))
  }

  async function restore(snapshot: Snapshot): Promise<ServingConfig> {
    const record = await quarantineRecord(snapshot, PLAIN_SECRETS)
    return ServingConfig.restore(ConfigState.from(snapshot), record)
  }

  test('holds after a restart', async () => {
    const config = await restore(await refusingSnapshot())
    assert.deepEqual(urisOf(config), ['/good'])
    assert.equal(config.refusedRevisions[0]?.revision, 3)
    assert.equal(config.quarantined.length, 2)
  })

  test('does not hold for an object that was changed meanwhile', async () => {
    const snapshot = await refusingSnapshot()
    snapshot.routes = [route('1', '/mended', 8), route('2', '/too', 7)]
    assert.deepEqual(urisOf(await restore(snapshot)), ['/mended'])
  })

  test('is tried once more by another version, and can be taken back again', async () => {
    const snapshot = await refusingSnapshot()
    for (const object of snapshot._meta.quarantined ?? []) {
      Object.assign((object as { refused?: object }).refused ?? {}, { version: '0.0.0' })
    }
    const config = await restore(snapshot)
    assert.deepEqual(urisOf(config), ['/deadly', '/too'])
    assert.equal(config.refuse(3, 'died'), 2)
    assert.deepEqual(urisOf(config), ['/good'])
  })

  test('that an editor has spoilt is left out', async () => {
    const snapshot = await refusingSnapshot()
    Object.assign(snapshot._meta, { quarantined: [null, 7, { kind: 'x' }, { kind: 'routes' }] })
    assert.deepEqual(urisOf(await restore(snapshot)), ['/deadly', '/too'])
  })
})
