import { spawnSync } from 'node:child_process'
import { mkdtemp, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** A file system of 1 MiB; undefined where that is not allowed. */
export async function mountTinyDisk(t: TestContext): Promise<string | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-disk-'))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path])
  t.after(() => {
    if (status === 0) spawnSync('umount', ['-l', path])
    return rmdir(path)
  })
  if (status !== 0) return undefined
  return path
}

/** Makes a disk of `mountTinyDisk` read-only, as the kernel does after an error, or writable again. */
export function remount(path: string, mode: 'ro' | 'rw'): void {
  const { status, stderr } = spawnSync('mount', ['-o', `remount,${mode}`, path])
  if (status !== 0) throw new Error(`remount failed: ${stderr}`)
}
