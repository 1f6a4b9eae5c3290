import type { RequestContext } from '../model/request-context.ts'

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
  readonly accepts?: ((request: RequestContext) => boolean) | undefined
  /** `accepts` looks into the body, which has to be read before: see `Router.wantsBody`. */
  readonly needsBody?: boolean
}

/**
 * The facts of a request that routing itself looks at: `host` as `hostOf` gives it, `path` as
 * `normalizePath` does. Rules with `accepts` and uris with parameters want a whole RequestContext.
 */
export type MatchRequest = Pick<RequestContext, 'method' | 'host' | 'path'> &
  Partial<RequestContext>
