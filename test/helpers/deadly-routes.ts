/**
 * Preloaded into a gateway's workers by tests (`NODE_OPTIONS=--import`): a route whose `desc` says
 * `crash` ends the worker that receives it, one that says `hang` stalls its event loop, which is said on
 * stderr.
 */
import cluster from 'node:cluster'
import { writeSync } from 'node:fs'

/** What a worker says on stderr before it hangs. */
export const HANGS = 'hangs from now on'

if (cluster.isWorker) {
  process.on('message', (message: unknown) => {
    const text = JSON.stringify(message)
    if (text.includes('"desc":"crash"')) throw new Error('deadly route')
    if (text.includes('"desc":"hang"')) hang()
  })
}

function hang(): never {
  writeSync(2, `${HANGS}\n`)
  for (;;) {
    // Until somebody kills the process.
  }
}
