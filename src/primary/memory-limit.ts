import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'

/** What all workers together may hold; the rest is for the primary, the kernel and others. */
const SHARE_OF_MACHINE = 0.7
/** Beyond V8's own limit the process would abort: before that it is replaced. */
const SHARE_OF_HEAP_LIMIT = 0.85
const MIN_BYTES = 256 * 1024 * 1024

/**
 * Resident memory at which a worker is replaced unless the operator says another: its share of the
 * machine's memory, or of the control group's, and less than what ends a Node process by itself.
 */
export function defaultMaxResidentBytes(workers: number): number {
  const constrained = process.constrainedMemory()
  const total = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
  const share = (total * SHARE_OF_MACHINE) / workers
  const heap = getHeapStatistics().heap_size_limit * SHARE_OF_HEAP_LIMIT
  return Math.round(Math.max(MIN_BYTES, Math.min(share, heap)))
}
