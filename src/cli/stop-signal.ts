import { EXIT } from '../support/exit-codes.ts'

/** Ctrl-C under npm arrives twice, from the terminal and from npm: that is one signal. */
const SAME_SIGNAL_MS = 500

/**
 * Calls `stop` at the first SIGINT or SIGTERM. The next one runs `abandon` and ends the process at
 * once, with 128 + the signal's number.
 */
export function onStopSignal(stop: (signal: string) => void, abandon: () => void = () => {}): void {
  let firstAt: number | undefined
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      const now = performance.now()
      if (firstAt === undefined) {
        firstAt = now
        stop(signal)
      } else if (now - firstAt > SAME_SIGNAL_MS) {
        abandon()
        process.exit(EXIT[signal])
      }
    })
  }
}
