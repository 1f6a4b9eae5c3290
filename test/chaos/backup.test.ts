import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { ConfigState } from '../../src/model/config-state.ts'
import { createBackup } from '../../src/primary/backup/backup.ts'
import { temporaryFolder } from '../helpers/stack.ts'
import { configAt } from './revision-config.ts'
import { rounds } from './scale.ts'

const DAMAGES = rounds(1_000)
const KILLS = rounds(20)
const WRITER = fileURLToPath(new URL('backup-writer.ts', import.meta.url))
const log = pino({ level: 'silent' })

interface Outcome {
  damaged: number
  newest: number
  older: number
  none: number
  wrong: number
}

/** What a gateway would boot with: its revision; 0 = nothing; undefined = something wrong. */
async function bootRevision(dataDir: string): Promise<number | undefined> {
  const options = { dataDir, group: 'default', generations: 5, log, current: () => undefined }
  const loaded = await createBackup(options).load()
  if (loaded === undefined) return 0
  const { revision } = loaded.snapshot._meta
  const right = (await configAt(revision)).mark.digest
  const isRight = ConfigState.from(loaded.snapshot).mark.digest === right && !loaded.edited
  return isRight ? revision : undefined
}

async function writeGenerations(dataDir: string, count: number): Promise<void> {
  for (let revision = 1; revision <= count; revision++) {
    const config = await configAt(revision)
    const options = { dataDir, group: 'default', generations: 5, log, current: () => config }
    const backup = createBackup(options)
    backup.schedule()
    await backup.stop()
  }
}

const pick = (n: number) => Math.floor(Math.random() * n)

/** Flips bits of a file, or cuts it short, in place. */
async function damage(path: string): Promise<void> {
  const bytes = await readFile(path)
  if (pick(2) === 0) return truncate(path, pick(bytes.length))
  for (let n = 0; n <= pick(3); n++) {
    const at = pick(bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << pick(8))
  }
  await writeFile(path, bytes)
}

async function damageRun(t: TestContext, victims: number, times: number): Promise<Outcome> {
  const folder = await temporaryFolder(t)
  const [good, dataDir] = [join(folder, 'good'), join(folder, 'data')]
  await mkdir(good)
  await writeGenerations(good, 3)
  const outcome: Outcome = { damaged: 0, newest: 0, older: 0, none: 0, wrong: 0 }
  for (let n = 0; n < times; n++) {
    await rm(dataDir, { recursive: true, force: true })
    await cp(good, dataDir, { recursive: true })
    const backups = join(dataDir, 'backup-default')
    const names = (await readdir(backups)).filter((name) => name.endsWith('.json')).sort()
    for (const name of names.slice(-victims)) await damage(join(backups, name))
    outcome.damaged += 1
    const revision = await bootRevision(dataDir)
    if (revision === undefined) outcome.wrong += 1
    else if (revision === 0) outcome.none += 1
    else outcome[revision === 3 ? 'newest' : 'older'] += 1
  }
  return outcome
}

suite('backups under fire', () => {
  for (const victims of [1, 2]) {
    test(`${DAMAGES / 2} bit flips and truncations of the newest ${victims}`, async (t) => {
      const outcome = await damageRun(t, victims, DAMAGES / 2)
      t.diagnostic(JSON.stringify(outcome))
      assert.equal(outcome.wrong, 0, 'boots with a wrong configuration')
      assert.equal(outcome.none, 0, 'boots without one, while a good generation exists')
    })
  }

  test(`${KILLS} SIGKILLs in the middle of writes`, async (t) => {
    const dataDir = await temporaryFolder(t)
    let newest = 0
    for (let n = 0; n < KILLS; n++) {
      const writer = spawn(process.execPath, [WRITER, dataDir], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await once(writer.stdout, 'data')
      await new Promise((resolve) => setTimeout(resolve, pick(30)))
      writer.kill('SIGKILL')
      await once(writer, 'exit')
      const revision = await bootRevision(dataDir)
      assert.ok(revision !== undefined && revision > newest, `${revision} after ${newest}`)
      newest = revision
    }
    t.diagnostic(`${newest} generations written, ${KILLS} writers killed, 0 wrong boots`)
  })
})
