import { configurePlugins } from '../../plugins/configure-plugins.ts'
import { loadPluginSettings } from '../../settings/client-settings.ts'
import { EXIT } from '../../support/exit-codes.ts'
import { UsageError } from '../verb-flags.ts'
import { ConfigFailure } from './config-failure.ts'
import {
  type ConfigFlags,
  type ConfigWord,
  isConfigWord,
  parseConfigFlags,
} from './config-flags.ts'

const USAGE = `Usage: holdfast config dump [--output FILE | --split FOLDER] [--format yaml|json]
       holdfast config validate FILE…
       holdfast config diff FILE… [--no-prune]
       holdfast config sync FILE… [--dry-run] [--no-prune] [--allow-empty] [--wait SECONDS]

  dump       write what the control plane has, sorted, to stdout or into files
  validate   check files; asks nobody
  diff       show what sync would change; exit code 1 when that is anything
  sync       make the control plane equal to the files, in one transaction: what is not in
             the files is deleted

FILE is a file in JSON or YAML (an APISIX standalone file, a dump, a snapshot or backup of
Holdfast), a folder of them, or - for stdin. Several are taken together.

  --kinds KIND[,KIND…]    only objects of these kinds (routes, upstreams, …)
  -l, --label NAME[=V]    only objects with this label; several: with all of them
  -g, --group NAME        the gateway group (default: HOLDFAST_GATEWAY_GROUP)
  --admin-url URL         the Admin API (default: http:// and HOLDFAST_ADMIN_LISTEN)
  --env-file PATH         settings; HOLDFAST_ADMIN_KEY is the key, HOLDFAST_PLUGINS further plugins
  --no-prune              delete nothing
  --dry-run               show the differences and let the control plane judge them; write nothing
  --allow-empty           delete everything when the files are empty
  --wait SECONDS          wait until all gateways serve it; exit code 1 when they do not
`

type Command = (flags: ConfigFlags) => Promise<number>

const COMMANDS: Record<ConfigWord, () => Promise<Command>> = {
  dump: async () => (await import('./dump.ts')).dumpConfig,
  validate: async () => (await import('./validate.ts')).validateConfig,
  diff: async () => (await import('./diff.ts')).diffConfig,
  sync: async () => (await import('./sync.ts')).syncConfig,
}

/** `holdfast config …`: configuration in files. */
export async function runConfigVerb([word, ...rest]: readonly string[]): Promise<number> {
  if (word === undefined) throw new UsageError('dump, validate, diff or sync is missing', USAGE)
  if (['--help', '-h', 'help'].includes(word) || rest.includes('--help')) {
    process.stdout.write(USAGE)
    return EXIT.OK
  }
  if (!isConfigWord(word)) {
    throw new UsageError(`there is no command ${JSON.stringify(word)} of config`, USAGE)
  }
  const flags = parseConfigFlags(word, rest, USAGE)
  await configurePlugins(loadPluginSettings({ envFile: flags.envFile }))
  try {
    return await (await COMMANDS[word]())(flags)
  } catch (error) {
    if (!(error instanceof ConfigFailure)) throw error
    process.stderr.write(`${error.message}\n`)
    return error.exitCode
  }
}
