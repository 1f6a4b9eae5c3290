import { loadStatusAddress } from '../settings/client-settings.ts'
import { formatListenAddress } from '../settings/listen-address.ts'
import { EXIT } from '../support/exit-codes.ts'
import { fetchJson, type JsonAnswer } from './fetch-json.ts'

const TIMEOUT_MS = 5_000

type Ask = (path: string, method?: string) => Promise<JsonAnswer>

/**
 * Runs a question to the gateway of this machine; the result is the exit code. Says on stderr where
 * no gateway was found.
 */
export async function askGateway(
  envFile: string | undefined,
  question: (ask: Ask) => Promise<number>,
): Promise<number> {
  const address = loadStatusAddress({ envFile })
  try {
    return await question((path, method) => fetchJson(address, path, TIMEOUT_MS, method))
  } catch (error) {
    const where = `${formatListenAddress(address)} (HOLDFAST_STATUS_LISTEN)`
    process.stderr.write(`holdfast: no gateway at ${where}: ${(error as Error).message}\n`)
    return EXIT.FAILED
  }
}
