import type { RequestContext } from '../model/request-context.ts'
import type { MatchRule } from '../routing/router.ts'
import { compileExpression, expressionNeedsBody } from '../support/expression/expression.ts'
import { compileIpSet } from '../support/ip-set.ts'
import type { StoredRoute } from './stored-objects.ts'

type Accepts = (request: RequestContext) => boolean

/**
 * How the router finds this route; a route without hosts of its own has its service's.
 * @throws ConfigError for conditions or addresses that can't be compiled.
 */
export function matchRule(route: StoredRoute, serviceHosts: readonly string[]): MatchRule {
  return {
    uris: route.uris ?? (route.uri === undefined ? [] : [route.uri]),
    hosts: route.hosts ?? (route.host === undefined ? serviceHosts : [route.host]),
    // As in APISIX, an empty list is no condition.
    methods: route.methods?.length === 0 ? undefined : route.methods,
    priority: route.priority ?? 0,
    accepts: both(acceptsAddress(route), acceptsVars(route)),
    needsBody: expressionNeedsBody(route.vars),
  }
}

function acceptsAddress({ remote_addrs, remote_addr }: StoredRoute): Accepts | undefined {
  const entries = remote_addrs ?? (remote_addr === undefined ? undefined : [remote_addr])
  if (entries === undefined) return undefined
  const isMember = compileIpSet(entries)
  return (request) => isMember(request.remoteAddress)
}

function acceptsVars({ vars }: StoredRoute): Accepts | undefined {
  return vars === undefined || vars.length === 0 ? undefined : compileExpression(vars)
}

function both(first: Accepts | undefined, second: Accepts | undefined): Accepts | undefined {
  if (first === undefined || second === undefined) return first ?? second
  return (request) => first(request) && second(request)
}
