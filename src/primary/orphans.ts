import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'

/** In a worker's environment: pid of its primary and the data directory. */
const MARK = 'GATEWAY_WORKER_OF'
/** Workers whose primary died end by themselves within the drain time-out; so much more is theirs. */
const MARGIN_MS = 3_000

/** Environment by which a worker of this process is known after our death. */
export function workerMark(dataDir: string): Record<string, string> {
  return { [MARK]: `${process.pid}:${dataDir}` }
}

/**
 * Ends workers that an earlier primary on this data directory left behind, when they do not end by
 * themselves: one whose event loop hangs soon after its start does not notice that its primary was
 * killed, and would turn for ever. Where there is no /proc, nothing is found. Never fails.
 */
export async function endOrphans(
  dataDir: string,
  drainTimeoutMs: number,
  log: Logger,
): Promise<void> {
  const found = await findOrphans(dataDir)
  if (found.length === 0) return
  log.info({ pids: found }, 'workers of an earlier primary are still there')
  await delay(drainTimeoutMs + MARGIN_MS, undefined, { ref: false })
  // By their marks again: a pid may belong to another process by now.
  const left = (await findOrphans(dataDir)).filter((pid) => found.includes(pid))
  for (const pid of left) {
    log.warn({ pid }, 'worker of an earlier primary does not end, killing it')
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended.
    }
  }
}

async function findOrphans(dataDir: string): Promise<number[]> {
  const names = await readdir('/proc').catch(() => [])
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number)
  const orphaned = await Promise.all(pids.map((pid) => isOrphan(pid, dataDir)))
  return pids.filter((_, index) => orphaned[index])
}

async function isOrphan(pid: number, dataDir: string): Promise<boolean> {
  try {
    // Those of other users can't be read.
    const environment = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0')
    const mark = environment.find((entry) => entry.startsWith(`${MARK}=`))?.slice(MARK.length + 1)
    const [, primary, folder] = /^(\d+):(.*)$/s.exec(mark ?? '') ?? []
    if (primary === undefined || folder !== dataDir) return false
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    return /^PPid:\t(\d+)$/m.exec(status)?.[1] !== primary
  } catch {
    return false
  }
}
