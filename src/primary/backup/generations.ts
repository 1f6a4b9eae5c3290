import { randomBytes } from 'node:crypto'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

const NAME = /^backup-(\d{6,15})(?:-[0-9a-f]+)?\.json$/
const LEFTOVER = /^\.backup-.*\.tmp$/
/** Somebody else's write under way is younger. */
const LEFTOVER_AGE_MS = 60_000

/** One backup on disk: `backup-000042-1f2e.json` and, beside it, its checksum. */
export interface Generation {
  /** Larger = newer. */
  sequence: number
  name: string
  path: string
  sumPath: string
}

/** All generations in the folder, newest first; none when there is no folder. */
export async function listGenerations(folder: string): Promise<Generation[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return names
    .filter((name) => NAME.test(name))
    .map((name) => generation(folder, name))
    .sort((a, b) => b.sequence - a.sequence || (a.name < b.name ? 1 : -1))
}

/**
 * The generation after these. The random part keeps two gateways that share a folder by mistake
 * from mixing the files of one generation.
 */
export function nextGeneration(folder: string, present: readonly Generation[]): Generation {
  const sequence = (present[0]?.sequence ?? 0) + 1
  const number = String(sequence).padStart(6, '0')
  return generation(folder, `backup-${number}-${randomBytes(2).toString('hex')}.json`)
}

/** Removes all but the newest `keep`, checksums that lost their file, and old temp files. */
export async function pruneGenerations(folder: string, keep: number): Promise<void> {
  const generations = await listGenerations(folder)
  for (const { path, sumPath } of generations.slice(keep)) {
    await rm(path, { force: true })
    await rm(sumPath, { force: true })
  }
  const kept = new Set(generations.map(({ sumPath }) => sumPath))
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const isLeftover = LEFTOVER.test(name) || (name.endsWith('.json.sum') && !kept.has(path))
    if (isLeftover && (await isOld(path))) await rm(path, { force: true })
  }
}

function generation(folder: string, name: string): Generation {
  const path = join(folder, name)
  return { sequence: Number(NAME.exec(name)?.[1]), name, path, sumPath: `${path}.sum` }
}

async function isOld(path: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path)
    return Date.now() - mtimeMs > LEFTOVER_AGE_MS
  } catch {
    // Whoever wrote it has finished meanwhile.
    return false
  }
}
