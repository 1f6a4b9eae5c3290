const CONDITIONS = 'use "vars" to match on conditions'
const PLUGIN = 'use a plugin in "plugins"'

/** Fields of the APISIX model whose value is Lua code (or names some), and what takes their place. */
const LUA_FIELDS = new Map([
  ['filter_func', CONDITIONS],
  ['script', PLUGIN],
  ['script_id', PLUGIN],
])

/** Says what to use instead when an object brings Lua code; Holdfast cannot run it. */
export function checkLuaOnly(body: object): string | undefined {
  for (const [field, alternative] of LUA_FIELDS) {
    if (Object.hasOwn(body, field)) return refusal(`property "${field}"`, alternative)
  }
  return undefined
}

/** The same for the `_meta` of one plugin's configuration. */
export function checkLuaOnlyMeta(plugin: string, meta: object): string | undefined {
  return Object.hasOwn(meta, 'pre_function')
    ? refusal(`property "_meta.pre_function" of plugin [${plugin}]`, 'use another plugin')
    : undefined
}

/** Plugins of APISIX whose configuration is Lua code. */
const LUA_PLUGINS = new Set(['serverless-pre-function', 'serverless-post-function', 'inspect'])

/** Says why there is no such plugin when it is one that runs Lua code. */
export function checkLuaOnlyPlugin(name: string): string | undefined {
  return LUA_PLUGINS.has(name)
    ? refusal(`unknown plugin [${name}]: it`, 'use another plugin')
    : undefined
}

function refusal(field: string, alternative: string): string {
  return `${field} is not supported: Holdfast runs no Lua; ${alternative}`
}
