/** V8 collects what is left over, and gives pages back, once a process has been idle this long. */
const IDLE_MS = Number(process.env['IDLE_MS'] ?? 45_000)

/** Resolves when processes that have nothing to do hold what they will hold. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, IDLE_MS))
}
