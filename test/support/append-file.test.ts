import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { AppendFile } from '../../src/support/append-file.ts'
import { mountTinyDisk } from '../helpers/disk.ts'

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-append-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A file with a clock that the test moves. */
function appendFile(t: TestContext, path: string) {
  const failures: string[] = []
  let now = 0
  const onFailure = (error: Error) => failures.push(String((error as { code?: string }).code))
  const file = new AppendFile(path, { onFailure, now: () => now })
  t.after(() => file.close())
  return {
    file,
    failures,
    pass(ms: number) {
      now += ms
    },
  }
}

suite('a file that lines are appended to', () => {
  test('gets them whole and in order, from several writers', async (t) => {
    const path = join(await folder(t), 'a.log')
    const files = [appendFile(t, path).file, appendFile(t, path).file]
    for (let i = 0; i < 2_000; i++) files[i % 2]?.append(`${i % 2} ${i} ${'x'.repeat(100)}`)
    await Promise.all(files.map((file) => file.flush()))
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    assert.equal(lines.length, 2_000)
    for (const writer of ['0', '1']) {
      const numbers = lines
        .filter((line) => line[0] === writer)
        .map((line) => +(line.split(' ')[1] ?? ''))
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
      )
    }
    assert.ok(lines.every((line) => line.endsWith('x'.repeat(100))))
    assert.equal(statSync(path).mode & 0o777, 0o640)
  })

  test('is created anew when it was renamed or deleted', async (t) => {
    const path = join(await folder(t), 'a.log')
    const { file, pass } = appendFile(t, path)
    file.append('one')
    await file.flush()
    await rename(path, `${path}.1`)
    file.append('two')
    await file.flush()
    assert.equal(readFileSync(`${path}.1`, 'utf8'), 'one\ntwo\n')
    pass(1_000)
    file.append('three')
    await file.flush()
    assert.equal(readFileSync(path, 'utf8'), 'three\n')
    rmSync(path)
    pass(1_000)
    file.append('four')
    await file.flush()
    assert.equal(readFileSync(path, 'utf8'), 'four\n')
  })

  test('in a folder that is not there: lines are dropped, until it is', async (t) => {
    const base = await folder(t)
    const path = join(base, 'logs', 'a.log')
    const { file, failures, pass } = appendFile(t, path)
    file.append('lost')
    await file.flush()
    file.append('lost, without another try')
    await file.flush()
    assert.deepEqual(failures, ['ENOENT'])
    assert.equal(file.dropped, 2)
    execFileSync('mkdir', [join(base, 'logs')])
    pass(1_000)
    file.append('kept')
    await file.flush()
    assert.equal(readFileSync(path, 'utf8'), 'kept\n')
  })

  test('that is a pipe without reader does not hang', async (t) => {
    const path = join(await folder(t), 'pipe')
    execFileSync('mkfifo', [path])
    const { file, failures } = appendFile(t, path)
    file.append('lost')
    await file.flush()
    assert.deepEqual([failures, file.dropped], [['ENXIO'], 1])
  })

  test('does not grow in memory beyond a bound', async (t) => {
    const path = join(await folder(t), 'a.log')
    const { file } = appendFile(t, path)
    const line = 'x'.repeat(1024 * 1024)
    // All in one turn: nothing can be written meanwhile.
    for (let i = 0; i < 20; i++) file.append(line)
    assert.equal(file.dropped, 12)
    await file.flush()
    assert.equal(readFileSync(path).length, 8 * (line.length + 1))
  })

  test('on a full disk: lines are dropped, and whole ones follow when there is room', async (t) => {
    const disk = await mountTinyDisk(t)
    if (disk === undefined) return t.skip('mounting is not allowed here')
    const path = join(disk, 'a.log')
    const filler = join(disk, 'filler')
    writeFileSync(filler, Buffer.alloc(900 * 1024))
    const { file, failures, pass } = appendFile(t, path)
    for (let i = 0; i < 400; i++) file.append(`${i} ${'y'.repeat(1_000)}`)
    await file.flush()
    assert.deepEqual(failures, ['ENOSPC'])
    assert.ok(file.dropped > 0)
    rmSync(filler)
    pass(1_000)
    file.append('after')
    await file.flush()
    assert.equal(readFileSync(path, 'utf8').trimEnd().split('\n').at(-1), 'after')
  })
})
