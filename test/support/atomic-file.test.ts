import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { writeFileAtomic } from '../../src/support/atomic-file.ts'

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-atomic-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

suite('atomic file', () => {
  test('replaces a file and leaves nothing else', async (t) => {
    const folder = await makeFolder(t)
    const path = join(folder, 'a.json')
    await writeFileAtomic(path, 'old')
    await writeFileAtomic(path, Buffer.from('new'))
    assert.equal(await readFile(path, 'utf8'), 'new')
    assert.deepEqual(await readdir(folder), ['a.json'])
  })

  test('is for its owner only, unless told, whatever the umask', async (t) => {
    const folder = await makeFolder(t)
    const umask = process.umask(0o777)
    t.after(() => process.umask(umask))
    await writeFileAtomic(join(folder, 'a'), '')
    await writeFileAtomic(join(folder, 'b'), '', 0o644)
    assert.equal((await stat(join(folder, 'a'))).mode & 0o777, 0o600)
    assert.equal((await stat(join(folder, 'b'))).mode & 0o777, 0o644)
  })

  test('writers of one path do not mix', async (t) => {
    const folder = await makeFolder(t)
    const path = join(folder, 'a')
    const texts = ['1', '2', '3', '4'].map((digit) => digit.repeat(100_000))
    await Promise.all(texts.map((text) => writeFileAtomic(path, text)))
    assert.ok(texts.includes(await readFile(path, 'utf8')))
    assert.deepEqual(await readdir(folder), ['a'])
  })

  test('a reader sees one version, whole, at any time', async (t) => {
    const path = join(await makeFolder(t), 'a')
    await writeFileAtomic(path, 'a'.repeat(50_000))
    let writing = true
    const writes = (async () => {
      for (const letter of 'bcdefgh') await writeFileAtomic(path, letter.repeat(50_000))
      writing = false
    })()
    while (writing) assert.match(await readFile(path, 'utf8'), /^(\w)\1{49999}$/)
    await writes
  })

  test('on failure keeps the old file and no temp file', async (t) => {
    const folder = await makeFolder(t)
    // A folder that is not empty cannot be replaced by a file: rename fails after the write.
    const path = join(folder, 'taken')
    await writeFileAtomic(join(folder, 'other'), 'x')
    await mkdir(join(path, 'inner'), { recursive: true })
    await assert.rejects(writeFileAtomic(path, 'new'), { syscall: 'rename' })
    assert.deepEqual((await readdir(folder)).sort(), ['other', 'taken'])
  })

  test('rejects when the folder is missing, a file, or takes no files', async (t) => {
    const folder = await makeFolder(t)
    await writeFile(join(folder, 'file'), '')
    await assert.rejects(writeFileAtomic(join(folder, 'none', 'a'), ''), { code: 'ENOENT' })
    await assert.rejects(writeFileAtomic(join(folder, 'file', 'a'), ''), { code: 'ENOTDIR' })
    // Root ignores modes, but nobody creates files in /proc.
    await assert.rejects(writeFileAtomic('/proc/a', ''))
  })

  test('replaces a symbolic link, not the file it points to', async (t) => {
    const folder = await makeFolder(t)
    await writeFile(join(folder, 'real'), 'kept')
    await symlink('real', join(folder, 'link'))
    await writeFileAtomic(join(folder, 'link'), 'new')
    assert.equal(await readFile(join(folder, 'real'), 'utf8'), 'kept')
    assert.equal(await readFile(join(folder, 'link'), 'utf8'), 'new')
  })
})
