/** What a request must look like for a route to take it. */
export interface MatchRule {
  /** Exact paths, or prefixes ending in `*`; decoded, as `normalizePath` gives them. At least one. */
  readonly uris: readonly string[]
  /** Hosts without port, `*.example.com` for any depth of subdomains; empty = any host. */
  readonly hosts: readonly string[]
  /** Undefined = every method. */
  readonly methods: readonly string[] | undefined
  /** Higher wins among routes with the same uri. */
  readonly priority: number
  /** Conditions beyond path, host and method; a false sends the search on to the next candidate. */
  readonly accepts?: (request: MatchRequest) => boolean
}

/** The facts of a request that routing looks at. Rules with `accepts` may want a richer object. */
export interface MatchRequest {
  readonly method: string
  /** As `hostOf` gives it. */
  readonly host: string
  /** As `normalizePath` gives it. */
  readonly path: string
}
