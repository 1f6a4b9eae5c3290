import type { MatchRule } from '../routing/router.ts'
import type { StoredRoute } from './stored-objects.ts'

/** How the router finds this route; a route without hosts of its own has its service's. */
export function matchRule(route: StoredRoute, serviceHosts: readonly string[]): MatchRule {
  return {
    uris: route.uris ?? (route.uri === undefined ? [] : [route.uri]),
    hosts: route.hosts ?? (route.host === undefined ? serviceHosts : [route.host]),
    methods: route.methods,
    priority: route.priority ?? 0,
  }
}
