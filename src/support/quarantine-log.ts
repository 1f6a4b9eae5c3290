import type { Quarantined } from '../model/ipc.ts'
import type { Logger } from './logger.ts'

/** More at once have one cause, and are in `/status/sync`. */
const MAX_LINES = 20

/** Logs each object that can't be served once for each reason; returns what to call with all of them. */
export function createQuarantineLog(log: Logger): (objects: readonly Quarantined[]) => void {
  let known = new Map<string, string>()
  return (objects) => {
    if (objects.length + known.size === 0) return
    const fresh = objects.filter(({ kind, id, reason }) => known.get(`${kind}/${id}`) !== reason)
    known = new Map(objects.map(({ kind, id, reason }) => [`${kind}/${id}`, reason]))
    // What lets requests through must not be lost among others.
    const lines = fresh.toSorted((a, b) => Number(b.unguarded ?? 0) - Number(a.unguarded ?? 0))
    for (const object of lines.slice(0, MAX_LINES)) logOne(log, object)
    const more = lines.length - MAX_LINES
    if (more > 0) log.error({ objects: more }, 'more objects quarantined')
  }
}

function logOne(log: Logger, { unguarded, ...object }: Quarantined): void {
  if (unguarded) log.error(object, 'global rule does not run, requests pass without it')
  else log.error(object, 'object quarantined, last good version serves if there is one')
}
