import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

const BEAT_MS = 500
/** A thread of its own costs 25 ms of CPU time; right after the start there are better uses. */
const START_AFTER_MS = 3_000
const MIB_FOR_THREAD = 16

/** What the thread gets; `beats` is counted up by the main thread as long as its loop turns. */
export interface StallWatchTask {
  beats: Int32Array<SharedArrayBuffer>
  reportDir: string
  /** Silence after which the stack is written down. */
  stalledAfterMs: number
  pid: number
  /** With its primary gone, a stalled worker is ended after this long: nobody else would. */
  orphanLimitMs: number
}

/**
 * Starts a thread that watches this process's event loop, since a stalled loop can't tell what it is
 * at. It writes down where the loop hangs, for the primary's report. About 11 MB of memory.
 */
export function startStallWatch(options: Omit<StallWatchTask, 'beats' | 'pid'>): void {
  const beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  setInterval(() => Atomics.add(beats, 0, 1), BEAT_MS).unref()
  setTimeout(() => {
    const task: StallWatchTask = { ...options, beats, pid: process.pid }
    const file = `./stall-watch-thread${extname(import.meta.filename)}`
    const thread = new Worker(new URL(file, import.meta.url), {
      workerData: task,
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MIB_FOR_THREAD, maxYoungGenerationSizeMb: 2 },
    })
    // Without it there is one report less, nothing more.
    thread.on('error', () => {})
    thread.unref()
  }, START_AFTER_MS).unref()
}
