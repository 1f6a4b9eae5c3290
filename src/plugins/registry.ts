import { createRequire } from 'node:module'
import { extname } from 'node:path'
import type { Plugin } from './contract.ts'

/** All built-in plugins, in alphabetical order; each is the file of its name in this folder. */
const BUILT_IN: readonly string[] = [
  'api-breaker',
  'attach-consumer-label',
  'basic-auth',
  'brotli',
  'client-control',
  'consumer-restriction',
  'cors',
  'csrf',
  'echo',
  'fault-injection',
  'file-logger',
  'gzip',
  'hmac-auth',
  'http-logger',
  'ip-restriction',
  'jwt-auth',
  'key-auth',
  'limit-conn',
  'limit-count',
  'limit-req',
  'mocking',
  'multi-auth',
  'prometheus',
  'proxy-mirror',
  'proxy-rewrite',
  'real-ip',
  'redirect',
  'referer-restriction',
  'request-id',
  'request-validation',
  'response-rewrite',
  'traffic-split',
  'ua-restriction',
  'uri-blocker',
]

const require = createRequire(import.meta.url)
const extension = extname(import.meta.filename)

/** The plugins that a process knows. A built-in one is loaded when it is first asked for. */
export interface PluginRegistry {
  /** The plugin of that name, turned on or not; undefined when there is none. */
  find(name: string): Plugin | undefined
  /** Every plugin that is turned on, highest priority first. Loads them all. */
  list(): readonly Plugin[]
  /** False for a plugin that the settings turned off: it is left out wherever it is configured. */
  isEnabled(name: string): boolean
  /**
   * Takes over what the settings say: plugins of the operator, which take precedence over built-in
   * ones of the same name, and the names that are turned on; undefined = all.
   */
  configure(external: readonly Plugin[], enabled: readonly string[] | undefined): void
}

export function createPluginRegistry(builtIn: readonly string[] = BUILT_IN): PluginRegistry {
  const names = new Set(builtIn)
  const loaded = new Map<string, Plugin>()
  let turnedOn: ReadonlySet<string> | undefined

  function find(name: string): Plugin | undefined {
    const known = loaded.get(name)
    if (known !== undefined || !names.has(name)) return known
    const { default: plugin } = require(`./${name}${extension}`) as { default: Plugin }
    loaded.set(name, plugin)
    return plugin
  }

  function isEnabled(name: string): boolean {
    return turnedOn === undefined || turnedOn.has(name)
  }

  return {
    find,
    isEnabled,
    list() {
      const all = [...new Set([...names, ...loaded.keys()])].filter(isEnabled)
      return all.map((name) => find(name) as Plugin).sort(byPriority)
    },
    configure(external, enabled) {
      for (const plugin of external) loaded.set(plugin.name, plugin)
      turnedOn = enabled === undefined ? undefined : new Set(enabled)
    },
  }
}

/** The plugins of this process. */
export const pluginRegistry: PluginRegistry = createPluginRegistry()

function byPriority(a: Plugin, b: Plugin): number {
  return b.priority - a.priority || (a.name < b.name ? -1 : 1)
}
