#!/usr/bin/env node
import cluster from 'node:cluster'

// Dynamic imports: a worker must never load what the primary or the control plane needs, and the
// other way round; a verb starts as fast as what it uses.
if (cluster.isWorker) {
  const { runWorker } = await import('./worker/main.ts')
  runWorker()
} else {
  const { runCommandLine } = await import('./cli/command-line.ts')
  await runCommandLine(process.argv.slice(2))
}
