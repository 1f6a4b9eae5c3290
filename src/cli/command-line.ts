import { EXIT } from '../support/exit-codes.ts'
import { flushLogs } from '../support/logger.ts'
import { VERSION } from '../support/version.ts'
import { reportFailure } from './report-failure.ts'
import { type Flags, parseFlags, UsageError } from './verb-flags.ts'

/** Runs a verb to its end; the result is the exit code. */
type Verb = (flags: Flags) => Promise<number>

const VERBS = new Map<string, () => Promise<Verb>>([
  ['quickstart', async () => (await import('./quickstart.ts')).runQuickstart],
  ['gateway', async () => (await import('./gateway.ts')).runGatewayVerb],
  ['control', async () => (await import('./control.ts')).runControlVerb],
  ['status', async () => (await import('./status.ts')).runStatusVerb],
  ['reload', async () => (await import('./reload.ts')).runReloadVerb],
  ['drain', async () => (await import('./drain.ts')).runDrainVerb],
  ['migrate', async () => (await import('./migrate.ts')).runMigrateVerb],
])

const USAGE = `Usage: holdfast VERB [--env-file PATH]

  quickstart   run an embedded PostgreSQL, a control plane and a gateway, to try things out
  gateway      run a gateway: it serves traffic (--config-file PATH: start from this
               configuration as if it were the newest backup)
  control      run a control plane: it serves the Admin API
  status       show what the gateway of this machine serves (--json: as it says it);
               exit code 1 when it is not ready
  reload       let the gateway of this machine read its settings again (as SIGHUP does)
  drain        turn new traffic away from the gateway of this machine (--undo: no longer);
               it goes on serving what comes
  migrate      bring the schema of the database up to date
  config       dump, validate, compare and apply configuration files (config --help)

  --env-file PATH   settings, see conf/holdfast.env.example
  --help, --version
`

/** Runs what the command line asks for and ends the process with the exit code that fits. */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  // Whoever read our messages may be gone; that is no reason to end.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
  const code = await dispatch(args).catch(reportFailure)
  await flushLogs()
  process.exit(code)
}

async function dispatch([word, ...rest]: readonly string[]): Promise<number> {
  if (word === undefined) throw new UsageError('a verb is missing', USAGE)
  // Its flags and its help are its own.
  if (word === 'config') return (await import('./config/config-verb.ts')).runConfigVerb(rest)
  if (['--help', '-h', 'help'].includes(word) || rest.includes('--help')) return print(USAGE)
  if (['--version', '-v', 'version'].includes(word)) return print(`holdfast ${VERSION}\n`)
  const load = VERBS.get(word)
  if (load === undefined) throw new UsageError(`there is no verb ${JSON.stringify(word)}`, USAGE)
  const flags = parseFlags(rest, USAGE)
  const verb = await load()
  return verb(flags)
}

function print(text: string): number {
  process.stdout.write(text)
  return EXIT.OK
}
