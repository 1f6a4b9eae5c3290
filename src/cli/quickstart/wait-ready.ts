import { setTimeout as delay } from 'node:timers/promises'
import type { ListenAddress } from '../../settings/listen-address.ts'
import { fetchJson } from '../fetch-json.ts'

const POLL_MS = 50
const ASK_TIMEOUT_MS = 2_000
/** Then whoever sits in front of the terminal wants to know what for. */
const PATIENCE_MS = 10_000

/** Resolves when `/status/ready` answers 200; says after 10 s, once, what it waits for. */
export async function waitReady(
  name: string,
  address: ListenAddress,
  signal: AbortSignal,
): Promise<void> {
  const startedAt = performance.now()
  let told = false
  while (!signal.aborted) {
    const reason = await notReadyReason(address)
    if (reason === undefined) return
    if (!told && performance.now() - startedAt > PATIENCE_MS) {
      told = true
      process.stderr.write(`still waiting for the ${name}: ${reason}\n`)
    }
    await delay(POLL_MS)
  }
}

async function notReadyReason(address: ListenAddress): Promise<string | undefined> {
  try {
    const { status, body } = await fetchJson(address, '/status/ready', ASK_TIMEOUT_MS)
    return status === 200 ? undefined : String(body['error'] ?? `status ${status}`)
  } catch (error) {
    return (error as Error).message
  }
}
