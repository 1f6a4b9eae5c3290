/** How routes are looked up, by APISIX's names (docs/matching.md). */
export const ROUTER_MODES = [
  'radixtree_host_uri',
  'radixtree_uri',
  'radixtree_uri_with_parameter',
] as const

export type RouterMode = (typeof ROUTER_MODES)[number]

/** What settings say of matching. */
export interface RoutingSettings {
  mode: RouterMode
  /** `/a/` is matched as `/a`; `/` stays. */
  deleteTailSlash: boolean
  /** Each segment ends at its first `;`, as servlet containers read it. */
  likeServlet: boolean
}
