import { constants } from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { ConfigError } from '../../model/errors.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import { decodeSnapshot, decodeTrustedSnapshot } from '../sources/decode-snapshot.ts'
import { decodeChecksum, fits, undoFlippedBits } from './checksum.ts'
import type { Generation } from './generations.ts'
import type { GenerationSum } from './write-generation.ts'

/**
 * What became of a generation since it was written.
 * - `intact`: these are the bytes that were written.
 * - `edited`: the file differs as an editor makes it differ; `snapshot` is what it says now.
 * - `flipped`: single bits were flipped; `snapshot` is what was written.
 */
export interface ReadGeneration {
  condition: 'intact' | 'edited' | 'flipped'
  snapshot: Snapshot
}

/**
 * Reads a generation. @throws ConfigError naming what is wrong with it, or the file system's error.
 */
export async function readGeneration(
  generation: Generation,
  group: string,
): Promise<ReadGeneration> {
  const { bytes, inode } = await readBytes(generation.path)
  if (bytes.length === 0) throw new ConfigError('GW_SNAPSHOT_INVALID', 'it is empty')
  const sum = await readSum(generation.sumPath)
  if (sum !== undefined && fits(bytes, sum)) {
    return { condition: 'intact', snapshot: decodeTrustedSnapshot(bytes, group) }
  }
  const isReplaced = sum?.isInPlace === true && sum.inode !== inode
  const restored = sum === undefined || isReplaced ? undefined : undoFlippedBits(bytes, sum)
  if (restored !== undefined) {
    return { condition: 'flipped', snapshot: decodeTrustedSnapshot(restored, group) }
  }
  return { condition: 'edited', snapshot: decodeSnapshot(bytes, group) }
}

async function readBytes(path: string): Promise<{ bytes: Buffer; inode: string }> {
  // A link could lead anywhere, and what it leads to is not what was written.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const facts = await file.stat({ bigint: true })
    if (!facts.isFile()) throw new ConfigError('GW_SNAPSHOT_INVALID', 'it is not a regular file')
    return { bytes: await file.readFile(), inode: String(facts.ino) }
  } finally {
    await file.close()
  }
}

/** Undefined when there is none or it is damaged: the digest in the snapshot must do then. */
async function readSum(
  path: string,
): Promise<(GenerationSum & { isInPlace: boolean }) | undefined> {
  try {
    const sum = decodeChecksum<GenerationSum>(await readFile(path, 'utf8'))
    const { ino } = await stat(path, { bigint: true })
    // In a copied folder all inodes are new: then they say nothing of an editor.
    return { ...sum, isInPlace: sum.ownInode === String(ino) }
  } catch {
    return undefined
  }
}
