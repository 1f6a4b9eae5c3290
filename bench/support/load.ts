import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'
import autocannon from 'autocannon'

export interface LoadResult {
  requests: number
  requestsPerSecond: number
  p50Ms: number
  p99Ms: number
  /** Answers other than 2xx, and connections that broke. */
  failures: number
}

interface Load {
  url: string
  seconds: number
  connections: number
}

const run = promisify(execFile)

/** wrk if it is installed, for it uses least of the machine; autocannon otherwise. */
export const loadGenerator = isInstalled('wrk') ? 'wrk' : 'autocannon'

export function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Drives the URL over keep-alive connections for some seconds. */
export function drive(load: Load): Promise<LoadResult> {
  return loadGenerator === 'wrk' ? driveWithWrk(load) : driveWithAutocannon(load)
}

async function driveWithWrk({ url, seconds, connections }: Load): Promise<LoadResult> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', url]
  const { stdout } = await run('wrk', args)
  const failed = /Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1]
  const broken = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)
  return {
    requests: Number(/(\d+) requests in/.exec(stdout)?.[1]),
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    p50Ms: milliseconds(/50%\s+([\d.]+)(us|ms|s)/.exec(stdout)),
    p99Ms: milliseconds(/99%\s+([\d.]+)(us|ms|s)/.exec(stdout)),
    failures: Number(failed ?? 0) + (broken?.slice(1).reduce((sum, n) => sum + Number(n), 0) ?? 0),
  }
}

function milliseconds(match: RegExpExecArray | null): number {
  const factor = { us: 0.001, ms: 1, s: 1000 }[match?.[2] ?? 'ms'] ?? 1
  return Number(match?.[1]) * factor
}

async function driveWithAutocannon({ url, seconds, connections }: Load): Promise<LoadResult> {
  const result = await autocannon({ url, connections, duration: seconds })
  return {
    requests: result.requests.total,
    requestsPerSecond: result.requests.average,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    failures: result.non2xx + result.errors + result.timeouts,
  }
}
