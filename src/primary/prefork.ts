import cluster, { type Worker } from 'node:cluster'
import { workerMark } from './orphans.ts'

interface Waiting {
  worker: Worker
  /** What it said before somebody listened. */
  messages: unknown[]
  keep: (message: unknown) => void
}

const waiting: Waiting[] = []
let environment: Record<string, string> = {}

/**
 * Starts worker processes before there is anybody to look after them: they load their code while
 * the primary loads its own.
 */
export function prefork(count: number, dataDir: string): void {
  cluster.setupPrimary({ serialization: 'json' })
  environment = workerMark(dataDir)
  for (let n = 0; n < count; n++) {
    const worker = cluster.fork(environment)
    const messages: unknown[] = []
    const keep = (message: unknown) => void messages.push(message)
    worker.on('message', keep)
    waiting.push({ worker, messages, keep })
  }
}

/** A worker process: one that waits, or a new one. */
export function takeWorker(): Worker {
  const next = waiting.shift()
  if (next === undefined) return cluster.fork(environment)
  const { worker, messages, keep } = next
  if (worker.isDead()) return takeWorker()
  worker.off('message', keep)
  // Once whoever takes it listens.
  queueMicrotask(() => {
    for (const message of messages) worker.emit('message', message)
  })
  return worker
}
