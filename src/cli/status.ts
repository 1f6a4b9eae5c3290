import { EXIT } from '../support/exit-codes.ts'
import { askGateway } from './ask-gateway.ts'
import { describeSync } from './sync-status.ts'
import type { Flags } from './verb-flags.ts'

/** `holdfast status`: what the gateway of this machine serves; exit code 1 unless it is ready. */
export function runStatusVerb({ envFile, json }: Flags): Promise<number> {
  return askGateway(envFile, async (ask) => {
    const [sync, readiness] = await Promise.all([ask('/status/sync'), ask('/status/ready')])
    if (sync.status !== 200) throw new Error(`it answered ${sync.status}`)
    const text = json ? JSON.stringify(sync.body, undefined, 2) : describeSync(sync.body, readiness)
    process.stdout.write(`${text}\n`)
    return readiness.status === 200 ? EXIT.OK : EXIT.FAILED
  })
}
