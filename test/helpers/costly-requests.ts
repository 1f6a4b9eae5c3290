/**
 * Preloaded into a gateway's workers by tests (`NODE_OPTIONS=--import`): each request sent to a node
 * takes 5 ms of CPU time, so that a worker's capacity is 200 requests a second on any machine.
 */
import { subscribe } from 'node:diagnostics_channel'

const COST_MS = 5

subscribe('undici:request:create', () => {
  const endAt = performance.now() + COST_MS
  while (performance.now() < endAt) {
    // Busy.
  }
})
