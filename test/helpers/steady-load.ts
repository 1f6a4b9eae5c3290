import { Agent, request } from 'node:http'

/** An answer that takes longer counts as a failure. */
const DEADLINE_MS = 10_000

/** A test that fails before it stops its load must not go on for ever. */
const MAX_LOAD_MS = 60_000

export interface LoadReport {
  sent: number
  /** Answers other than 200, and connections that broke; each with the time it happened. */
  failures: { atMs: number; what: string }[]
}

/** Requests one after the other on some connections, half of them new for each request. */
export function startLoad(url: string, connections = 8): { stop(): Promise<LoadReport> } {
  const report: LoadReport = { sent: 0, failures: [] }
  let running = true

  async function loop(keepAlive: boolean): Promise<void> {
    const agent = new Agent({ keepAlive, maxSockets: 1 })
    const end = performance.now() + MAX_LOAD_MS
    while (running && performance.now() < end) {
      report.sent += 1
      const outcome = await ask(url, agent)
      if (outcome !== '200') report.failures.push({ atMs: performance.now(), what: outcome })
    }
    agent.destroy()
  }

  const loops = Array.from({ length: connections }, (_, n) => loop(n % 2 === 0))
  return {
    async stop() {
      running = false
      await Promise.all(loops)
      return report
    },
  }
}

/** The status, or the code of what broke. */
function ask(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(DEADLINE_MS)
    const outgoing = request(url, { agent, signal }, (response) => {
      response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      response.resume().on('end', () => resolve(String(response.statusCode)))
    })
    outgoing.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    outgoing.end()
  })
}
