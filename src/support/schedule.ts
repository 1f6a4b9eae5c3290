import { Cron } from 'croner'
import { MAX_TIMER_MS } from './max-timer.ts'

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
const MIN_EVERY_MS = 1_000

/** When something happens again and again. */
export type Schedule = { everyMs: number } | { cron: string }

/**
 * Reads `@every 1m30s` (Go's durations) or five cron fields (UTC), `@hourly` and the like included.
 * @throws Error that says what is wrong.
 */
export function parseSchedule(text: string): Schedule {
  const every = /^@every\s+(.+)$/.exec(text)?.[1]
  if (every !== undefined) return { everyMs: parseEvery(every) }
  try {
    // Paused: only parsed. The constructor throws on what it can't read.
    new Cron(text, { mode: '5-part', paused: true, timezone: 'UTC' }).stop()
  } catch {
    throw new Error('not a schedule')
  }
  return { cron: text }
}

/** Calls `onDue` at each moment of the schedule, until stopped; keeps no process alive. */
export function startSchedule(schedule: Schedule, onDue: () => void): { stop(): void } {
  if ('everyMs' in schedule) {
    const timer = setInterval(onDue, schedule.everyMs).unref()
    return { stop: () => clearInterval(timer) }
  }
  return new Cron(schedule.cron, { mode: '5-part', unref: true, timezone: 'UTC' }, onDue)
}

function parseEvery(text: string): number {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) throw new Error('not a duration')
  let totalMs = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    totalMs += Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS]
  }
  if (totalMs < MIN_EVERY_MS) throw new Error('too often')
  if (totalMs > MAX_TIMER_MS) throw new Error('too seldom')
  return totalMs
}
