/** Something that still has entries to bring somewhere. */
interface PendingLog {
  /** Brings away what waits; resolves when nothing does any more. */
  drain(): Promise<void>
  /** There is no more time: what is left is lost, and counted. */
  giveUp(): void
}

const pendingLogs = new Set<PendingLog>()

/** The worker's end waits for this log, until `forgetLog`. */
export function rememberLog(log: PendingLog): void {
  pendingLogs.add(log)
}

export function forgetLog(log: PendingLog): void {
  pendingLogs.delete(log)
}

/** Brings away what all logs of the process have, within the time: for a process that ends. */
export async function drainLogs(deadlineMs: number): Promise<void> {
  if (pendingLogs.size === 0) return
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, deadlineMs)
  // Twice: an entry that was still being made goes to another log.
  await Promise.race([late, drainAll().then(drainAll)])
  clearTimeout(timer)
  for (const log of [...pendingLogs]) log.giveUp()
}

async function drainAll(): Promise<void> {
  await Promise.all([...pendingLogs].map((log) => log.drain()))
}
