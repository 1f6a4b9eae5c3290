/** One address of a name; SRV records say the rest. */
export interface ResolvedNode {
  readonly host: string
  readonly port?: number
  /** Part of the name's own weight. */
  readonly weight?: number
  readonly priority?: number
}

/** The last good answer about a name. */
export interface ResolvedName {
  /** The name of a host, or `service:NAME`. */
  readonly key: string
  readonly nodes: readonly ResolvedNode[]
}
