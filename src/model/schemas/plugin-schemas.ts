import type { Static, TSchema } from 'typebox'
import { Type } from '../schema-builder.ts'
import { Dictionary } from './dictionary.ts'

/** The configuration of a plugin inside of another one's. */
export interface NestedPlugin {
  readonly name: string
  /** What kind of plugin can stand there; undefined = any. */
  readonly type: 'auth' | undefined
  readonly config: Record<string, unknown>
}

/** JSON Schemas of one plugin, by where its configuration stands. */
export interface PluginSchemas {
  schema: TSchema
  /** Under a consumer; without one, `schema`. */
  consumerSchema?: TSchema
  /** `auth`: it finds the consumer, so that it can stand in a credential. */
  type?: string | undefined
  /** Of the plugin's metadata object; without one, any object. */
  metadataSchema?: TSchema
  /** Configurations of other plugins in a valid one of this plugin. */
  nestedPlugins?: (config: Record<string, unknown>) => readonly NestedPlugin[]
}

/** Finds a plugin's schemas by its name; undefined = there is no such plugin. */
export type PluginLookup = (name: string) => PluginSchemas | undefined

/** A plugin as the Admin API tells of it. */
export interface PluginDescription extends PluginSchemas {
  name: string
  /** Larger runs first. */
  priority: number
  version?: number
  scope?: string
  /** Where it can be used; without it, `http` only. */
  subsystems?: readonly ('http' | 'stream')[]
}

/** All plugins that there are. */
export interface PluginCatalogue {
  /** Largest priority first. */
  list(): readonly PluginDescription[]
  find(name: string): PluginDescription | undefined
}

/** `_meta`, which the configuration of every plugin may hold. */
export const PluginMeta = Type.Object(
  {
    disable: Type.Optional(Type.Boolean()),
    error_response: Type.Optional(
      Type.Union([Type.String(), Dictionary(Type.Unknown())], {
        expected: 'a string or an object',
      }),
    ),
    priority: Type.Optional(Type.Integer()),
    filter: Type.Optional(Type.Array(Type.Unknown())),
  },
  { additionalProperties: false },
)
export type PluginMeta = Static<typeof PluginMeta>
