const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

/** `2026-01-05T14:03:09+01:00`, local time, as nginx's `$time_iso8601`. */
export function isoTime(at: Date): string {
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${date}T${clock(at)}${offset(at, ':')}`
}

/** `05/Jan/2026:14:03:09 +0100`, local time, as nginx's `$time_local`. */
export function logTime(at: Date): string {
  const date = `${two(at.getDate())}/${MONTHS[at.getMonth()]}/${at.getFullYear()}`
  return `${date}:${clock(at)} ${offset(at, '')}`
}

function clock(at: Date): string {
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

function offset(at: Date, separator: string): string {
  const minutes = -at.getTimezoneOffset()
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${separator}${two(size % 60)}`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
