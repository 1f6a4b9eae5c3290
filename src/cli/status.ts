import { loadStatusAddress } from '../settings/client-settings.ts'
import { formatListenAddress } from '../settings/listen-address.ts'
import { EXIT } from '../support/exit-codes.ts'
import { fetchJson } from './fetch-json.ts'
import { describeSync } from './sync-status.ts'
import type { Flags } from './verb-flags.ts'

const TIMEOUT_MS = 5_000

/** `holdfast status`: what the gateway of this machine serves; exit code 1 unless it is ready. */
export async function runStatusVerb({ envFile, json }: Flags): Promise<number> {
  const address = loadStatusAddress({ envFile })
  try {
    const [sync, readiness] = await Promise.all([
      fetchJson(address, '/status/sync', TIMEOUT_MS),
      fetchJson(address, '/status/ready', TIMEOUT_MS),
    ])
    if (sync.status !== 200) throw new Error(`it answered ${sync.status}`)
    const text = json ? JSON.stringify(sync.body, undefined, 2) : describeSync(sync.body, readiness)
    process.stdout.write(`${text}\n`)
    return readiness.status === 200 ? EXIT.OK : EXIT.FAILED
  } catch (error) {
    const where = `${formatListenAddress(address)} (HOLDFAST_STATUS_LISTEN)`
    process.stderr.write(`holdfast: no gateway at ${where}: ${(error as Error).message}\n`)
    return EXIT.FAILED
  }
}
