import { setTimeout as sleep } from 'node:timers/promises'
import { MAX_TIMER_MS } from '../../support/max-timer.ts'

/** A shorter delay is none. */
const MIN_DELAY_MS = 1

/** Ends when a request that is too fast may go on; undefined = at once. */
export function holdBack(delayMs: number): Promise<undefined> | undefined {
  return delayMs < MIN_DELAY_MS ? undefined : sleep(Math.min(delayMs, MAX_TIMER_MS), undefined)
}
