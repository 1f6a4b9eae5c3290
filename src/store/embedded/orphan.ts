import { readFile, readlink, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { run } from './run.ts'

const POLL_MS = 50
const FAST_STOP_MS = 10_000
const KILL_AFTER_MS = 15_000

/**
 * Clears the way for a new server on `dataDir`, which the caller has claimed: a server that lost
 * its parent is stopped, a pid file whose process is gone or is something else is removed
 * (PostgreSQL itself would refuse to start when the number was given to another process of the
 * same user, which containers make likely).
 */
export async function clearOrphan(dataDir: string, log: Logger): Promise<void> {
  const cluster = join(dataDir, 'cluster')
  const pid = await readPid(join(cluster, 'postmaster.pid'))
  if (pid === undefined) return
  if (!(await isPostmasterOf(pid, cluster))) {
    await rm(join(cluster, 'postmaster.pid'), { force: true })
    return
  }
  log.warn({ serverPid: pid }, 'stopping an embedded postgresql that lost its parent')
  await stopPostmaster(pid, cluster)
}

/** A postmaster's working directory is its cluster; without /proc its command line has to do. */
async function isPostmasterOf(pid: number, cluster: string): Promise<boolean> {
  if (process.platform === 'linux') {
    try {
      return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(cluster))
    } catch {
      // Gone, a zombie, or of another user, whom PostgreSQL ignores too.
      return false
    }
  }
  const { stdout } = await run(['ps', '-o', 'command=', '-p', String(pid)])
  return stdout.includes('postgres') && stdout.includes(cluster)
}

async function stopPostmaster(pid: number, cluster: string): Promise<void> {
  const startedAt = performance.now()
  // A frozen server would not see any other signal.
  for (const signal of ['SIGCONT', 'SIGINT'] as const) sendSignal(pid, signal)
  let asked = false
  while (await isPostmasterOf(pid, cluster)) {
    const waitedMs = performance.now() - startedAt
    if (waitedMs > KILL_AFTER_MS) sendSignal(pid, 'SIGKILL')
    else if (waitedMs > FAST_STOP_MS && !asked) {
      asked = true
      sendSignal(pid, 'SIGQUIT')
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended in between.
  }
}

async function readPid(file: string): Promise<number | undefined> {
  try {
    const number = Number.parseInt(await readFile(file, 'utf8'), 10)
    return number > 0 ? number : undefined
  } catch {
    return undefined
  }
}
