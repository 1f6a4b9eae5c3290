import assert from 'node:assert/strict'
import { lstat, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { writeOutput } from '../../../src/cli/config/write-output.ts'

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-output-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

suite('output of a dump', () => {
  test('takes the place of a file, for its owner only', async (t) => {
    const path = join(await makeFolder(t), 'dump.yaml')
    await writeFile(path, 'old', { mode: 0o644 })
    await writeOutput(path, 'new')
    assert.equal(await readFile(path, 'utf8'), 'new')
    assert.equal((await stat(path)).mode & 0o777, 0o600)
  })

  test('goes into what a link leads to: /dev/stdout is one, and stays', async (t) => {
    const folder = await makeFolder(t)
    const [link, target] = [join(folder, 'link'), join(folder, 'target')]
    await symlink(target, link)
    await writeOutput(link, 'text')
    assert.equal((await lstat(link)).isSymbolicLink(), true)
    assert.equal(await readFile(target, 'utf8'), 'text')
  })
})
