import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** CPU time that these processes have used so far, user and system, in microseconds. */
export function cpuMicros(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuOf(pid), 0)
}

/** The process and all its descendants. */
export function withDescendants(pid: number): number[] {
  const listed = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  const children = listed === '' ? [] : listed.split(' ').map(Number)
  return [pid, ...children.flatMap(withDescendants)]
}

function cpuOf(pid: number): number {
  // The second field, the command, may hold spaces; all others come after its closing bracket.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  const [utime = '0', stime = '0'] = fields.slice(11, 13)
  return ((Number(utime) + Number(stime)) * 1_000_000) / TICKS_PER_SECOND
}
