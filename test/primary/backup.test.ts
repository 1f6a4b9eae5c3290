import assert from 'node:assert/strict'
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { ConfigState } from '../../src/model/config-state.ts'
import { createBackup } from '../../src/primary/backup.ts'
import { temporaryFolder, until } from '../helpers/stack.ts'

const log = pino({ level: 'silent' })
const EPOCH = '2f1ce1f0-0000-4000-8000-000000000001'

function stateWithRoutes(count: number): ConfigState {
  const state = new ConfigState('default', { epoch: EPOCH, revision: count })
  for (let n = 0; n < count; n++) state.load('routes', { id: String(n), uri: `/${n}` })
  return state
}

async function backupOf(t: TestContext, state: ConfigState | undefined, dataDir?: string) {
  const folder = dataDir ?? (await temporaryFolder(t))
  const backup = createBackup({ dataDir: folder, group: 'default', log, current: () => state })
  return { backup, folder, path: join(folder, 'backup-default.json') }
}

suite('backup', () => {
  test('reads back what it wrote, with the same digest and mode 0600', async (t) => {
    const state = stateWithRoutes(3)
    const { backup, folder, path } = await backupOf(t, state)
    backup.schedule()
    await backup.stop()
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    const { backup: reader } = await backupOf(t, undefined, folder)
    const snapshot = await reader.load()
    assert.ok(snapshot)
    assert.deepEqual(ConfigState.from(snapshot).mark, state.mark)
    assert.equal(snapshot._meta.digest, state.mark.digest)
  })

  test('makes one write of a burst of changes', async (t) => {
    const { backup, path } = await backupOf(t, stateWithRoutes(1))
    for (let n = 0; n < 100; n++) backup.schedule()
    await until(() => backup.state.revision === 1)
    const { ino } = await stat(path)
    await backup.stop()
    assert.equal((await stat(path)).ino, ino, 'the file was replaced again')
  })

  const unusable = [
    { name: 'an empty file', text: () => '' },
    { name: 'half a file', text: (whole: string) => whole.slice(0, whole.length / 2) },
    {
      name: 'another format',
      text: (whole: string) => whole.replace('"format": 1', '"format": 2'),
    },
    {
      name: 'another group',
      text: (whole: string) => whole.replace('"group": "default"', '"group": "other"'),
    },
    { name: 'no _meta', text: () => '{"routes": []}' },
    {
      name: 'a collection that is none',
      text: (whole: string) => whole.replace('"routes"', '"roots"'),
    },
  ]
  for (const { name, text } of unusable) {
    test(`does not use ${name}`, async (t) => {
      const { backup, path } = await backupOf(t, stateWithRoutes(2))
      backup.schedule()
      await backup.stop()
      await writeFile(path, text(await readFile(path, 'utf8')))
      assert.equal(await backup.load(), undefined)
    })
  }

  test('says why it can not be written, and resumes by itself', async (t) => {
    const folder = await temporaryFolder(t)
    // A file where the data folder should be: root is not stopped by permissions.
    const dataDir = join(folder, 'data')
    await writeFile(dataDir, '')
    await chmod(dataDir, 0o600)
    const state = stateWithRoutes(1)
    const backup = createBackup({ dataDir, group: 'default', log, current: () => state })
    backup.schedule()
    await until(() => backup.state.error !== undefined)
    assert.match(backup.state.error ?? '', /EEXIST|ENOTDIR/)
    await (await import('node:fs/promises')).rm(dataDir)
    await until(() => backup.state.error === undefined && backup.state.revision === 1)
    await backup.stop()
  })
})
