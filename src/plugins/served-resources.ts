import type { ResourceBody } from '../model/resource-kind.ts'
import { checkNotYet } from '../model/schemas/not-yet.ts'
import type { PluginSecretsLookup } from '../model/schemas/sensitive-fields.ts'
import { createResourceValidator, type ResourceValidator } from '../support/validate-resource.ts'
import { pluginRegistry } from './registry.ts'
import { tryPlugins } from './try-plugins.ts'

const model = createResourceValidator((name) => pluginRegistry.find(name))
const enabledModel = createResourceValidator((name) =>
  pluginRegistry.isEnabled(name) ? pluginRegistry.find(name) : undefined,
)

/** Accepts what this version can serve: valid objects that ask for nothing that is not there yet. */
export const servedResources: ResourceValidator = {
  decode(kind, body) {
    const decoded = model.decode(kind, body)
    if (!decoded.ok) return decoded
    const reason = checkNotYet(kind, decoded.value)
    return reason === undefined ? decoded : { ok: false, reason }
  },
}

/**
 * Accepts what may be written: what can be served, with plugins that are turned on and that take
 * their configuration.
 */
export const admittedResources: ResourceValidator = {
  decode(kind, body) {
    const decoded = enabledModel.decode(kind, body)
    if (!decoded.ok) return decoded
    const reason =
      checkNotYet(kind, decoded.value) ??
      tryPlugins(pluginRegistry, kind, decoded.value as ResourceBody)
    return reason === undefined ? decoded : { ok: false, reason }
  },
}

/** Which fields of plugins are secrets. */
export const findPluginSecrets: PluginSecretsLookup = (name) =>
  pluginRegistry.find(name)?.encryptFields
