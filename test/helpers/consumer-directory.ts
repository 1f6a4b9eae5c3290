import type { Plugin, PluginHost } from '../../src/plugins/contract.ts'
import { applyDefaults } from '../../src/support/apply-defaults.ts'
import { setConsumer } from '../../src/worker/plugins/attach-consumer.ts'
import { ConsumerStore, type StoredEntry } from '../../src/worker/plugins/consumer-store.ts'
import { NO_PLUGINS } from '../../src/worker/plugins/plugin-set.ts'

const NOTHING = { own: { current: NO_PLUGINS }, group: undefined }

/** Consumers by name, each with its configuration of one authentication plugin (undefined: none). */
export function consumersOf(
  plugin: Plugin,
  consumers: Readonly<Record<string, Record<string, unknown> | undefined>>,
): PluginHost['consumers'] {
  const store = new ConsumerStore()
  for (const [username, given] of Object.entries(consumers)) {
    const config = applyDefaults(plugin.consumerSchema ?? plugin.schema, given ?? {})
    const key = given && plugin.credentialKey?.(config)
    const credentials = key === undefined ? [] : [{ plugin: plugin.name, key, config }]
    store.putConsumer({ username }, NOTHING, credentials)
  }
  return {
    find: (key) => store.find(plugin.name, key),
    byName: (username) => store.byName(username),
    attach: (request, entry) => setConsumer(request, entry as StoredEntry),
  }
}
