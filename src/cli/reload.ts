import { EXIT } from '../support/exit-codes.ts'
import { askGateway } from './ask-gateway.ts'
import type { Flags } from './verb-flags.ts'

/** `holdfast reload`: sends SIGHUP to the gateway of this machine; its log says how it went. */
export function runReloadVerb({ envFile }: Flags): Promise<number> {
  return askGateway(envFile, async (ask) => {
    const { pid } = (await ask('/status/sync')).body
    if (typeof pid !== 'number') throw new Error('it did not tell its pid')
    process.kill(pid, 'SIGHUP')
    process.stdout.write(`reloading (pid ${pid})\n`)
    return EXIT.OK
  })
}
