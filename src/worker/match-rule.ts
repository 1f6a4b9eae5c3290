import type { Route } from '../model/schemas/route.ts'
import type { MatchRule } from '../routing/router.ts'

/** How the router finds this route; a route without hosts of its own has its service's. */
export function matchRule(route: Route, serviceHosts: readonly string[]): MatchRule {
  return {
    uris: route.uris ?? (route.uri === undefined ? [] : [route.uri]),
    hosts: route.hosts ?? (route.host === undefined ? serviceHosts : [route.host]),
    methods: route.methods,
    priority: route.priority,
  }
}
