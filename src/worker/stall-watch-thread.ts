import { mkdirSync, writeFileSync } from 'node:fs'
import { type Debugger, Session } from 'node:inspector'
import { join } from 'node:path'
import { workerData } from 'node:worker_threads'
import type { StallWatchTask } from './stall-watch.ts'

const TICK_MS = 500

const { beats, reportDir, stalledAfterMs, pid, orphanLimitMs } = workerData as StallWatchTask
const parentPid = process.ppid
let lastBeat = -1
let lastTickAt = performance.now()
let silentMs = 0
let reported = false

setInterval(() => {
  const now = performance.now()
  const passedMs = now - lastTickAt
  lastTickAt = now
  const beat = Atomics.load(beats, 0)
  // A late tick says that the whole process was stopped, not that its loop hangs.
  const turns = beat !== lastBeat || passedMs > 4 * TICK_MS
  lastBeat = beat
  silentMs = turns ? 0 : silentMs + passedMs
  if (turns) reported = false
  if (silentMs >= stalledAfterMs && !reported) {
    reported = true
    captureStack()
  }
  if (silentMs >= orphanLimitMs && process.ppid !== parentPid) process.kill(pid, 'SIGKILL')
}, TICK_MS)

/** Stops the main thread for a moment to see where it is: names and places, never values. */
function captureStack(): void {
  const session = new Session()
  session.connectToMainThread()
  const urls = new Map<string, string>()
  session.on('Debugger.scriptParsed', ({ params }) => urls.set(params.scriptId, params.url))
  session.on('Debugger.paused', ({ params }) => {
    session.post('Debugger.resume')
    session.post('Debugger.disable')
    session.disconnect()
    writeStack(params.callFrames, urls)
  })
  session.post('Debugger.enable')
  session.post('Debugger.pause')
}

function writeStack(frames: readonly Debugger.CallFrame[], urls: Map<string, string>): void {
  const stack = frames.map(({ functionName, location }) => {
    const { scriptId, lineNumber, columnNumber = 0 } = location
    return `${functionName || '(anonymous)'} ${urls.get(scriptId) ?? ''}:${lineNumber + 1}:${columnNumber + 1}`
  })
  try {
    mkdirSync(reportDir, { recursive: true, mode: 0o700 })
    writeFileSync(join(reportDir, `stack-${pid}.json`), JSON.stringify(stack), { mode: 0o600 })
  } catch {
    // A full or read-only disk: one report less.
  }
}
