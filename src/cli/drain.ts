import { EXIT } from '../support/exit-codes.ts'
import { askGateway } from './ask-gateway.ts'
import type { Flags } from './verb-flags.ts'

/** `holdfast drain [--undo]`: turns new traffic away from the gateway of this machine, or no longer. */
export function runDrainVerb({ envFile, json, undo }: Flags): Promise<number> {
  return askGateway(envFile, async (ask) => {
    const { status, body } = await ask('/status/drain', undo ? 'DELETE' : 'POST')
    const { draining, connections, requestsInFlight } = body
    const text = json
      ? JSON.stringify(body)
      : `${draining ? 'draining' : 'not draining'}: ${connections} connections, ${requestsInFlight} requests in flight`
    process.stdout.write(`${text}\n`)
    if (status === 200) return EXIT.OK
    process.stderr.write('holdfast: it is stopping, which can not be undone\n')
    return EXIT.FAILED
  })
}
