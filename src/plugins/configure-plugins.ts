import type { Logger } from '../support/logger.ts'
import { loadExternalPlugins } from './external-plugins.ts'
import { type PluginRegistry, pluginRegistry } from './registry.ts'

/** What the settings say of plugins. */
export interface PluginChoice {
  /** Files and packages of plugins that users wrote. */
  readonly external: readonly string[]
  /** Names that are turned on; undefined = all. */
  readonly enabled: readonly string[] | undefined
}

/** Makes the process know these plugins. @throws ConfigError naming the file that is not one. */
export async function configurePlugins(
  { external, enabled }: PluginChoice,
  registry: PluginRegistry = pluginRegistry,
): Promise<void> {
  registry.configure(await loadExternalPlugins(external), enabled)
}

/** Whoever runs plugins of users: a promise that one of them forgot is no reason to end. */
export function outliveForgottenPromises(log: Logger): void {
  process.on('unhandledRejection', (err) => log.error({ err }, 'promise failed unheard'))
}
