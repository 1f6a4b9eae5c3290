import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Snapshot } from '../../model/snapshot.ts'
import { syncFolder } from '../../support/sync-folder.ts'
import { type Checksum, ChecksumBuilder } from './checksum.ts'
import { encodeSnapshot } from './encode-snapshot.ts'
import type { Generation } from './generations.ts'

/** The content of a `.sum` file. */
export interface GenerationSum extends Checksum {
  /** Inodes of the two files when they were written: shows later whether an editor replaced one. */
  inode: string
  ownInode: string
}

/**
 * Writes a generation that is there as a whole or not at all, whenever the machine dies: temp
 * files, fsync, rename of the checksum, then of the snapshot, fsync of the folder. On failure
 * nothing stays behind and the file system's error is thrown as it is.
 */
export async function writeGeneration(generation: Generation, snapshot: Snapshot): Promise<void> {
  const { path, sumPath } = generation
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const temp = tempPath(generation, 'json')
  const sumTemp = tempPath(generation, 'sum')
  try {
    const written = await writeFile(temp, (file) => writeSnapshot(file, snapshot))
    await writeFile(sumTemp, async (file) => {
      const ownInode = await inodeOf(file)
      const sum: GenerationSum = { ...written, ownInode }
      await file.writeFile(`${JSON.stringify(sum)}\n`)
    })
    await rename(sumTemp, sumPath)
    await rename(temp, path)
  } catch (error) {
    for (const left of [temp, sumTemp]) await rm(left, { force: true }).catch(() => {})
    throw error
  }
  await syncFolder(folder)
}

function tempPath({ path, name }: Generation, kind: string): string {
  return join(dirname(path), `.${name}.${kind}.tmp`)
}

async function writeSnapshot(
  file: FileHandle,
  snapshot: Snapshot,
): Promise<Checksum & { inode: string }> {
  const builder = new ChecksumBuilder()
  for await (const chunk of encodeSnapshot(snapshot)) {
    builder.add(chunk)
    await file.writeFile(chunk)
  }
  return { ...builder.finish(), inode: await inodeOf(file) }
}

async function writeFile<T>(path: string, write: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, 'wx', 0o600)
  try {
    // The umask may have taken bits away from what open() was asked for.
    await file.chmod(0o600)
    const result = await write(file)
    await file.sync()
    return result
  } finally {
    await file.close()
  }
}

async function inodeOf(file: FileHandle): Promise<string> {
  const { ino } = await file.stat({ bigint: true })
  return String(ino)
}
