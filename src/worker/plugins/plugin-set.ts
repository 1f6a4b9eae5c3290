import type { RequestContext } from '../../model/request-context.ts'
import type { Plugin, PluginInstance } from '../../plugins/contract.ts'

/** One plugin of one owner, ready to run. */
export interface ConfiguredPlugin {
  readonly plugin: Plugin
  readonly instance: PluginInstance
  /** Ends the instance and gives up what it was lent; never throws. */
  readonly stop: () => void
  /** The plugin's own, or `_meta.priority`. */
  readonly priority: number
  /** `_meta.disable`: takes the plugin out, also that of an owner it takes precedence over. */
  readonly disabled: boolean
  /** `_meta.filter`: requests that the plugin is for. */
  readonly accepts: ((request: RequestContext) => boolean) | undefined
  /** `_meta.filter` looks into the body. */
  readonly needsBody: boolean
  /** `_meta.error_response`: body in place of the plugin's own for replies from 400 on. */
  readonly errorResponse: unknown
  /** The configuration as text: an instance is kept while it stays the same. */
  readonly fingerprint: string
}

/** The plugins of one owner, by name. Replaced as a whole when the owner changes. */
export type PluginSet = ReadonlyMap<string, ConfiguredPlugin>

export const NO_PLUGINS: PluginSet = new Map()

/** Where the plugins of an owner are found; chains notice by identity that they were replaced. */
export interface PluginCell {
  current: PluginSet
}

/** Ends the instances of `set` that `next` has not taken over. */
export function stopPlugins(set: PluginSet, next: PluginSet = NO_PLUGINS): void {
  for (const [name, configured] of set) {
    if (next.get(name) !== configured) configured.stop()
  }
}
