// Preloaded into processes that a benchmark watches: on SIGPWR it collects garbage and writes down
// what the process holds, and how late its event loop has been since the last time.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread } from 'node:worker_threads'

/** What a process says of itself, in bytes and milliseconds. */
export interface Probe {
  rssBefore: number
  rss: number
  heapUsed: number
  external: number
  /** Of 10 ms that the measuring timer itself takes, none is counted. */
  maxLoopDelayMs: number
}

const RESOLUTION_MS = 1

/** The variable that names the folder for answers, `PID.json` each. */
export const PROBE_DIR = 'BENCH_PROBE_DIR'

const folder = process.env[PROBE_DIR]
if (folder !== undefined && isMainThread) watch(folder)

function watch(folder: string): void {
  mkdirSync(folder, { recursive: true })
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  process.on('SIGPWR', () => {
    const maxLoopDelayMs = delay.max / 1e6 - RESOLUTION_MS
    const { rss: rssBefore } = process.memoryUsage()
    // What finalizers let go of is collected with the second.
    collectGarbage()
    collectGarbage()
    setTimeout(() => {
      const { rss, heapUsed, external } = process.memoryUsage()
      const answer: Probe = { rssBefore, rss, heapUsed, external, maxLoopDelayMs }
      writeFileSync(join(folder, `${process.pid}.json`), JSON.stringify(answer))
      delay.reset()
    }, 500)
  })
}
