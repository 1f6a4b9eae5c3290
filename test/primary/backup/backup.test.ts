import assert from 'node:assert/strict'
import {
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { ConfigState } from '../../../src/model/config-state.ts'
import { type Backup, createBackup } from '../../../src/primary/backup/backup.ts'
import { lastGoodState } from '../../../src/primary/backup/quarantine-record.ts'
import { ServingConfig } from '../../../src/primary/serving-config.ts'
import { temporaryFolder, until } from '../../helpers/stack.ts'

const log = pino({ level: 'silent' })
const EPOCH = '2f1ce1f0-0000-4000-8000-000000000001'

/** A configuration at `revision` whose routes all say so. */
async function configAt(revision: number, count = 3): Promise<ServingConfig> {
  const state = new ConfigState('default', { epoch: EPOCH, revision })
  for (let n = 0; n < count; n++) {
    const upstream = { type: 'roundrobin', nodes: { '127.0.0.1:9002': 1 } }
    state.load('routes', { id: String(n), uri: `/revision-${revision}/${n}`, upstream })
  }
  return ServingConfig.build(state)
}

interface Folder {
  dataDir: string
  folder: string
  /** A backup as a gateway would make it at its start. */
  open(group?: string): Backup
  /** Writes this configuration as the newest generation. */
  write(config: ServingConfig): Promise<void>
  /** Paths of all generations, newest first. */
  files(): Promise<string[]>
}

async function backupFolder(t: TestContext, generations = 5): Promise<Folder> {
  const dataDir = await temporaryFolder(t)
  const folder = join(dataDir, 'backup-default')
  let current: ServingConfig | undefined
  const open = (group = 'default') =>
    createBackup({ dataDir, group, generations, log, current: () => current })
  return {
    dataDir,
    folder,
    open,
    async write(config) {
      current = config
      const backup = open()
      backup.schedule()
      await backup.stop()
      assert.equal(backup.state.error, undefined)
    },
    async files() {
      const names = await readdir(folder)
      return names
        .filter((name) => name.endsWith('.json'))
        .sort()
        .reverse()
        .map((name) => join(folder, name))
    },
  }
}

/** A folder with revisions 1 and 2; the path of the newest. */
async function twoGenerations(t: TestContext): Promise<Folder & { newest: string }> {
  const backup = await backupFolder(t)
  await backup.write(await configAt(1))
  await backup.write(await configAt(2))
  const [newest = ''] = await backup.files()
  return { ...backup, newest }
}

suite('backup', () => {
  test('reads back what it wrote: same digest, files 0600 in a folder 0700', async (t) => {
    const backup = await backupFolder(t)
    const config = await configAt(3)
    await backup.write(config)
    assert.equal((await stat(backup.folder)).mode & 0o777, 0o700)
    for (const name of await readdir(backup.folder)) {
      assert.equal((await stat(join(backup.folder, name))).mode & 0o777, 0o600, name)
    }
    const loaded = await backup.open().load()
    assert.ok(loaded)
    assert.deepEqual(ConfigState.from(loaded.snapshot).mark, config.mark)
    assert.equal(loaded.snapshot._meta.digest, config.mark.digest)
    assert.equal(loaded.edited, false)
  })

  test('keeps the newest generations, each of which says what it is', async (t) => {
    const backup = await backupFolder(t, 3)
    for (let revision = 1; revision <= 6; revision++) await backup.write(await configAt(revision))
    const metas = await Promise.all(
      (await backup.files()).map(async (path) => JSON.parse(await readFile(path, 'utf8'))._meta),
    )
    assert.deepEqual(
      metas.map(({ revision }) => revision),
      [6, 5, 4],
    )
    for (const { format, group, epoch, digest, generatedAt } of metas) {
      assert.deepEqual([format, group, epoch], [1, 'default', EPOCH])
      assert.match(digest, /^[0-9a-f]{64}$/)
      assert.ok(Date.parse(generatedAt) <= Date.now())
    }
    assert.equal((await readdir(backup.folder)).length, 6, 'nothing but files and checksums')
  })

  test('writes nothing once a successor has the folder', async (t) => {
    const { dataDir, files, write } = await backupFolder(t)
    await write(await configAt(1))
    const current = await configAt(2)
    const backup = createBackup({
      ...{ dataDir, group: 'default', generations: 5, log },
      current: () => current,
    })
    backup.schedule()
    await backup.leave()
    backup.schedule()
    await backup.stop()
    assert.equal((await files()).length, 1)
  })

  test('makes one write of a burst of changes', async (t) => {
    const { dataDir, files } = await backupFolder(t)
    const config = await configAt(1)
    const options = { dataDir, group: 'default', generations: 5, log }
    const backup = createBackup({ ...options, current: () => config })
    for (let n = 0; n < 100; n++) backup.schedule()
    await until(() => backup.state.revision === 1)
    await backup.stop()
    assert.equal((await files()).length, 1)
  })

  const damages: {
    name: string
    damage: (path: string) => Promise<void>
    reason: RegExp
  }[] = [
    { name: 'empty', damage: (path) => writeFile(path, ''), reason: /empty/ },
    {
      name: 'cut short',
      damage: async (path) => {
        const bytes = await readFile(path)
        await writeFile(path, bytes.subarray(0, bytes.length / 2))
      },
      reason: /not valid JSON/,
    },
    {
      name: 'full of zeros in its middle',
      damage: async (path) => {
        const bytes = await readFile(path)
        await writeFile(path, bytes.fill(0, 300, 400))
      },
      reason: /not valid JSON/,
    },
    {
      name: 'not UTF-8',
      damage: (path) => writeFile(path, Buffer.from('{"\xff":1}', 'latin1')),
      reason: /not valid/,
    },
    { name: 'no object', damage: (path) => writeFile(path, '[1]'), reason: /not a JSON object/ },
    { name: 'without _meta', damage: (path) => writeFile(path, '{"routes":[]}'), reason: /_meta/ },
    {
      name: 'of a format to come',
      damage: (path) => edit(path, '"format": 1', '"format": 77'),
      reason: /format 77 is not known/,
    },
    {
      name: 'of another group',
      damage: (path) => edit(path, '"group": "default"', '"group": "other"'),
      reason: /of gateway group "other"/,
    },
    {
      name: 'with a collection that is none',
      damage: (path) => edit(path, '"routes"', '"roots"'),
      reason: /"roots" is not a collection/,
    },
    {
      name: 'a link',
      damage: async (path) => {
        await rename(path, `${path}.elsewhere`)
        await symlink(`${path}.elsewhere`, path)
      },
      reason: /ELOOP/,
    },
    {
      name: 'a folder',
      damage: async (path) => {
        await rm(path)
        await mkdir(path)
      },
      reason: /not a regular file|EISDIR/,
    },
  ]
  for (const { name, damage, reason } of damages) {
    test(`skips a generation that is ${name}, and leaves it there`, async (t) => {
      const { newest, open, files } = await twoGenerations(t)
      await damage(newest)
      const backup = open()
      const loaded = await backup.load()
      assert.equal(loaded?.snapshot._meta.revision, 1)
      assert.equal(backup.state.skipped.length, 1)
      assert.match(backup.state.skipped[0]?.reason ?? '', reason)
      assert.equal((await files())[0], newest)
    })
  }

  test('skips a generation with flipped bits, which all the same is better than none', async (t) => {
    const { newest, open, files } = await twoGenerations(t)
    await edit(newest, '127.0.0.1:9002', '127.0.0.1:9003')
    assert.equal((await open().load())?.snapshot._meta.revision, 1)
    const [, older = ''] = await files()
    await rm(older)
    const restored = await open().load()
    assert.equal(restored?.snapshot._meta.revision, 2)
    assert.equal(restored?.edited, false)
    const { routes } = restored.snapshot
    assert.deepEqual(routes?.[0]?.['upstream'], {
      type: 'roundrobin',
      nodes: { '127.0.0.1:9002': 1 },
    })
  })

  test('takes one bit for an edit when an editor replaced the file', async (t) => {
    const { newest, open } = await twoGenerations(t)
    await copyFile(newest, `${newest}.edit`)
    await edit(`${newest}.edit`, '127.0.0.1:9002', '127.0.0.1:9003')
    await rename(`${newest}.edit`, newest)
    const loaded = await open().load()
    assert.equal(loaded?.snapshot._meta.revision, 2)
    assert.equal(loaded?.edited, true)
  })

  test('takes what an editor left for an edit, whatever its layout', async (t) => {
    const { newest, open } = await twoGenerations(t)
    const value = JSON.parse(await readFile(newest, 'utf8'))
    value.routes[0].uri = '/by-hand'
    value.routes.push({ uri: '/without-id' }, 7)
    await writeFile(newest, JSON.stringify(value, undefined, 4))
    const loaded = await open().load()
    assert.equal(loaded?.edited, true)
    assert.equal(loaded?.snapshot.routes?.[0]?.['uri'], '/by-hand')
    assert.deepEqual(
      loaded?.snapshot.routes?.map(({ id }) => id),
      ['0', '1', '2', 'arr_4', 'arr_5'],
    )
  })

  test('is not edited when only its layout is another', async (t) => {
    const { newest, open } = await twoGenerations(t)
    await writeFile(newest, JSON.stringify(JSON.parse(await readFile(newest, 'utf8'))))
    const loaded = await open().load()
    assert.equal(loaded?.snapshot._meta.revision, 2)
    assert.equal(loaded?.edited, false)
  })

  test('does without its checksum', async (t) => {
    const { newest, open } = await twoGenerations(t)
    await writeFile(`${newest}.sum`, 'rubbish')
    assert.equal((await open().load())?.edited, false)
    await rm(`${newest}.sum`)
    assert.equal((await open().load())?.snapshot._meta.revision, 2)
  })

  test('remembers the last good version of a quarantined object', async (t) => {
    const backup = await backupFolder(t)
    const good = await configAt(1)
    const state = new ConfigState('default', { epoch: EPOCH, revision: 2 })
    state.load('routes', { id: '0', uri: 7 })
    await backup.write(await ServingConfig.build(state, good))
    const loaded = await backup.open().load()
    assert.ok(loaded)
    const lastGood = lastGoodState(loaded.snapshot)
    assert.equal(lastGood?.get('routes', '0')?.['uri'], '/revision-1/0')
    assert.equal(loaded.snapshot.routes?.[0]?.['uri'], 7)
  })

  test('keeps gateway groups apart', async (t) => {
    const { open } = await twoGenerations(t)
    assert.equal(await open('other').load(), undefined)
  })

  test('says why it can not be written, and resumes by itself', async (t) => {
    const { dataDir } = await backupFolder(t)
    const config = await configAt(1)
    // A file where the folder should be: root is not stopped by permissions.
    const path = join(dataDir, 'backup-default')
    await writeFile(path, '')
    const options = { dataDir, group: 'default', generations: 5, log }
    const backup = createBackup({ ...options, current: () => config })
    t.after(() => backup.stop())
    backup.schedule()
    await until(() => backup.state.error !== undefined)
    assert.match(backup.state.error ?? '', /EEXIST|ENOTDIR/)
    await rm(path)
    await until(() => backup.state.error === undefined && backup.state.revision === 1, 15_000)
  })

  test('two gateways in one folder never mix their files', async (t) => {
    const { open, write, files } = await backupFolder(t, 50)
    const config = await configAt(1)
    await write(config)
    await Promise.all(Array.from({ length: 8 }, async () => write(config)))
    assert.ok((await files()).length >= 9)
    for (const path of await files()) {
      const other = open()
      assert.equal((await other.load())?.edited, false)
      assert.deepEqual(other.state.skipped, [])
      await rm(path)
    }
  })
})

/** As `sed` without -i would: the same file, with this in place of that. */
async function edit(path: string, from: string, to: string): Promise<void> {
  const text = await readFile(path, 'utf8')
  assert.ok(text.includes(from), `${from} in ${path}`)
  await writeFile(path, text.replace(from, to))
}
