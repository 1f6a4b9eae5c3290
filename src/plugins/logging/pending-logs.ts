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
  const logs = [...pendingLogs]
  if (logs.length === 0) return
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, deadlineMs)
  await Promise.race([late, Promise.all(logs.map((log) => log.drain()))])
  clearTimeout(timer)
  for (const log of logs) log.giveUp()
}
