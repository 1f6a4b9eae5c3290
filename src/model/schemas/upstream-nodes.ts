import { isIPv6 } from 'node:net'
import type { Static } from 'typebox'
import { Type } from '../schema-builder.ts'
import { Dictionary } from './dictionary.ts'
import { Host, Port } from './fragments.ts'

const Weight = Type.Integer({ minimum: 0 })

const NodeEntry = Type.Object(
  {
    host: Host,
    /** Without one, that of the upstream's scheme. */
    port: Type.Optional(Port),
    weight: Weight,
    /** Nodes of a lower priority serve only when none of a higher one can. */
    priority: Type.Integer({ default: 0 }),
    metadata: Type.Optional(Dictionary(Type.Unknown())),
  },
  { additionalProperties: false },
)

const NodeList = Type.Array(NodeEntry)

/** `{"host:port": weight}` */
const NodeMap = Dictionary(Weight, { expected: 'an object or an array' })

/**
 * Nodes in either of their two forms. `if` and not `anyOf`: defaults are not filled in under
 * `anyOf`, and a refusal could not say which form was meant.
 */
export const Nodes = Type.Unsafe<Static<typeof NodeList> | Static<typeof NodeMap>>({
  if: { type: 'array' },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: NodeList,
  else: NodeMap,
})
export type Nodes = Static<typeof Nodes>

const ADDRESS = /^(?:\[([0-9a-fA-F:.]+)\]|[0-9a-zA-Z._-]+)(?::([0-9]{1,5}))?$/

/**
 * What is wrong with the addresses of these nodes; the schema has already spoken. Puts IPv6 addresses
 * of a list into brackets, as APISIX does.
 */
export function checkNodes(nodes: Nodes): string | undefined {
  if (Array.isArray(nodes)) {
    for (const node of nodes) if (isIPv6(node.host)) node.host = `[${node.host}]`
    return undefined
  }
  for (const address of Object.keys(nodes)) {
    const problem = checkAddress(address)
    if (problem) return `property "nodes" validation failed: ${problem}`
  }
  return undefined
}

const BRACKETS = "IPv6 address must be enclosed with '[' and ']'"

function checkAddress(address: string): string | undefined {
  if (isIPv6(address)) return BRACKETS
  const parts = ADDRESS.exec(address)
  if (!parts || (parts[1] !== undefined && !isIPv6(parts[1]))) {
    return `invalid address "${address.slice(0, 100)}": expected "host:port" or "host"`
  }
  const port = Number(parts[2] ?? 1)
  return port < 1 || port > 65_535 ? `invalid port ${port}: expected 1 to 65535` : undefined
}
