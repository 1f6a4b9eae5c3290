/**
 * Preloaded into a gateway's workers by tests (`NODE_OPTIONS=--import`): a route whose `desc` says
 * `crash` ends the worker that receives it, one that says `hang` stalls its event loop.
 */
import cluster from 'node:cluster'

if (cluster.isWorker) {
  process.on('message', (message: unknown) => {
    const text = JSON.stringify(message)
    if (text.includes('"desc":"crash"')) throw new Error('deadly route')
    if (text.includes('"desc":"hang"')) hang()
  })
}

function hang(): never {
  for (;;) {
    // Until somebody kills the process.
  }
}
