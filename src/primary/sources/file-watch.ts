import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Some mounts deliver no events. */
const POLL_MS = 1_000
/** A file that has not changed for this long is written, for now. */
const SETTLE_MS = 50

/** Says that a file is another one than before. */
export interface FileWatch {
  stop(): void
}

/**
 * Watches a file through its folder, so that renames and swapped links are seen, and looks every
 * second: size, inode and times of what the path leads to. Calls back once the file has settled,
 * the first time at once; `facts` differ with each content.
 */
export function watchFile(path: string, onChange: () => void): FileWatch {
  let known: string | undefined
  let watcher: FSWatcher | undefined
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let looking = false
  let again = false

  function openWatcher(): void {
    if (watcher !== undefined) return
    try {
      watcher = watch(dirname(path), { persistent: false }, () => void look())
      watcher.on('error', closeWatcher)
    } catch {
      // No such folder yet, or no watches left: the poll remains.
    }
  }

  function closeWatcher(): void {
    watcher?.close()
    watcher = undefined
  }

  async function look(): Promise<void> {
    again = looking
    if (looking || stopped) return
    looking = true
    try {
      const facts = await settled(path)
      if (facts !== known && !stopped) {
        known = facts
        onChange()
      }
    } finally {
      looking = false
      if (again) void look()
    }
  }

  function poll(): void {
    openWatcher()
    void look()
    timer = setTimeout(poll, POLL_MS)
  }
  poll()

  return {
    stop() {
      stopped = true
      clearTimeout(timer)
      closeWatcher()
    },
  }
}

/** What tells this content from others, when it has stopped to change. */
async function settled(path: string): Promise<string> {
  let facts = await factsOf(path)
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    const now = await factsOf(path)
    if (now === facts) return facts
    facts = now
  }
}

async function factsOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join()
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}
