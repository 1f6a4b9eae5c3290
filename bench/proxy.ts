// CPU per proxied request: keep-alive, 1 KiB response, one worker; next to nginx if it is installed
// and to the node alone. Rounds are interleaved and the best of each peer counts, since machines
// drift. Usage: npm run bench [-- ROUNDS [SECONDS] [--plugins=NAME,NAME …]]
// --plugins adds a second route to holdfast, with these plugins.
import { cpuMicros } from './support/cpu.ts'
import { drive, isInstalled, type LoadResult, loadGenerator } from './support/load.ts'
import { CONSUMER_KEY, type Peer, startDirect, startHoldfast, startNginx } from './support/peers.ts'

const flags = process.argv.slice(2)
const [rounds = 5, seconds = 5] = flags.filter((flag) => !flag.startsWith('--')).map(Number)
const plugins = flags
  .find((flag) => flag.startsWith('--plugins='))
  ?.slice('--plugins='.length)
  .split(',')
const connections = 32

interface Round extends LoadResult {
  cpuPerRequest: number
}

const direct = await startDirect()
const peers: Peer[] = [direct]
try {
  if (isInstalled('nginx')) peers.push(await startNginx(direct.port))
  else console.log('nginx is not installed: no comparison')
  const holdfast = await startHoldfast(direct.port, plugins)
  peers.push(holdfast)
  // The same processes, another route: `stop` is theirs.
  if (plugins !== undefined) {
    const url = `${holdfast.url}plugins?apikey=${CONSUMER_KEY}`
    peers.push({ ...holdfast, name: `holdfast with ${plugins}`, url, async stop() {} })
  }

  for (const { url } of peers) await drive({ url, seconds: 2, connections })
  const results = new Map<string, Round[]>(peers.map(({ name }) => [name, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const peer of peers) {
      const result = await measure(peer)
      results.get(peer.name)?.push(result)
      console.log(`round ${round} ${peer.name}: ${result.cpuPerRequest.toFixed(1)} µs/request`)
    }
  }
  report(results)
} finally {
  for (const peer of peers.reverse()) await peer.stop()
}

async function measure({ url, pids }: Peer): Promise<Round> {
  const processes = pids()
  const before = cpuMicros(processes)
  const result = await drive({ url, seconds, connections })
  return { ...result, cpuPerRequest: (cpuMicros(processes) - before) / result.requests }
}

function report(results: ReadonlyMap<string, readonly Round[]>): void {
  const best = new Map(
    [...results].map(([name, list]) => [
      name,
      list.reduce((a, b) => (b.cpuPerRequest < a.cpuPerRequest ? b : a)),
    ]),
  )
  const nginx = best.get('nginx')?.cpuPerRequest
  console.log(`\n${loadGenerator}, ${connections} connections, best of ${rounds} × ${seconds} s`)
  console.table(
    Object.fromEntries(
      [...best].map(([name, round]) => [
        name,
        {
          'requests/s': Math.round(round.requestsPerSecond),
          'p50 ms': round.p50Ms,
          'p99 ms': round.p99Ms,
          failures: round.failures,
          'CPU µs/request': Number(round.cpuPerRequest.toFixed(1)),
          '× nginx': nginx === undefined ? '–' : (round.cpuPerRequest / nginx).toFixed(2),
        },
      ]),
    ),
  )
}
