import { isRunByNpm } from '../../settings/process-environment.ts'

const POLL_MS = 500

/**
 * Calls `onGone` when npm, which runs us, is gone: asked to end by SIGTERM it ends, and its shell
 * too, but nobody tells us. Without npm nothing is watched: a shell may well leave us running.
 */
export function watchParent(onGone: () => void): void {
  if (!isRunByNpm()) return
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    onGone()
  }, POLL_MS)
  timer.unref()
}
