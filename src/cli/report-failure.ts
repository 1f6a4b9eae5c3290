import { GatewayError } from '../model/errors.ts'
import { SettingsError } from '../settings/load-settings.ts'
import { EXIT } from '../support/exit-codes.ts'
import { UsageError } from './verb-flags.ts'

/** Says on stderr why a verb failed, in plain words if it is no bug, and returns the exit code. */
export function reportFailure(error: unknown): number {
  if (error instanceof SettingsError) {
    say(error.message)
    return EXIT.CONFIG
  }
  if (error instanceof UsageError) {
    say(error.message)
    process.stderr.write(`\n${error.usage}`)
    return EXIT.USAGE
  }
  if (error instanceof GatewayError || isSystemError(error)) {
    say(error.message)
    return EXIT.UNAVAILABLE
  }
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
  return EXIT.SOFTWARE
}

/** Of the file system or the network: what the machine refuses, not what we did wrong. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}

function say(message: string): void {
  for (const line of message.split('\n')) process.stderr.write(`holdfast: ${line}\n`)
}
