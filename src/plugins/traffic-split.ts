import type { Static } from 'typebox'
import { ConfigError } from '../model/errors.ts'
import type { UpstreamHandle } from '../model/request-context.ts'
import { Type } from '../model/schema-builder.ts'
import { Id } from '../model/schemas/fragments.ts'
import { checkNotYet } from '../model/schemas/not-yet.ts'
import { checkUpstream, Upstream } from '../model/schemas/upstream.ts'
import {
  compileExpression,
  type Expression,
  expressionNeedsBody,
} from '../support/expression/expression.ts'
import { definePlugin, type PluginHost } from './contract.ts'

const WeightedUpstream = Type.Object({
  upstream_id: Type.Optional(Id),
  upstream: Type.Optional(Upstream),
  weight: Type.Integer({ default: 1, minimum: 0, description: 'Share of the requests.' }),
})

const Rule = Type.Object({
  match: Type.Optional(
    Type.Array(Type.Object({ vars: Type.Optional(Type.Array(Type.Unknown())) }), {
      description: 'Conditions, one of which must hold; without it the rule is for all requests.',
    }),
  ),
  weighted_upstreams: Type.Array(WeightedUpstream, {
    default: [{ weight: 1 }],
    minItems: 1,
    maxItems: 20,
    description: "Where to, by weight; one without upstream stands for the route's own.",
  }),
})

const schema = Type.Object({
  rules: Type.Optional(Type.Array(Rule, { description: 'The first that matches decides.' })),
})

interface Choice {
  /** Undefined = the route's own upstream. */
  readonly upstream: UpstreamHandle | undefined
  readonly weight: number
  current: number
}

/** Sends a share of the requests, or those that match, to another upstream. */
export default definePlugin({
  name: 'traffic-split',
  priority: 966,
  schema,

  create({ rules = [] }, host) {
    const compiled = rules.map((rule) => ({
      matches: compileMatch(rule),
      pick: smoothPick(rule.weighted_upstreams.map((choice) => createChoice(choice, host))),
    }))

    return {
      readsBody: rules.some(({ match = [] }) =>
        match.some(({ vars }) => expressionNeedsBody(vars)),
      ),
      access(request) {
        const rule = compiled.find(({ matches }) => matches(request))
        const upstream = rule?.pick()
        if (upstream !== undefined) request.forwardUpstream = upstream
        return undefined
      },
    }
  },
})

function compileMatch({ match }: Static<typeof Rule>): Expression {
  if (match === undefined) return () => true
  const alternatives = match.map(({ vars = [] }) => compileExpression(vars))
  return (request) => alternatives.some((holds) => holds(request))
}

function createChoice(
  { upstream_id: id, upstream, weight }: Static<typeof WeightedUpstream>,
  host: PluginHost,
): Choice {
  if (id !== undefined) return { upstream: host.upstreams.refer(String(id)), weight, current: 0 }
  if (upstream === undefined) return { upstream: undefined, weight, current: 0 }
  const problem =
    checkUpstream(upstream) ?? checkInline(upstream) ?? checkNotYet('upstreams', upstream)
  if (problem !== undefined) throw new ConfigError('GW_CONFIG_INVALID', problem)
  return { upstream: host.upstreams.create(upstream), weight, current: 0 }
}

/** Health is known by the object that an upstream stands in; these have none of their own. */
function checkInline({ checks, holdfast }: Upstream): string | undefined {
  if (checks === undefined && holdfast === undefined) return undefined
  return 'health checks need an upstream object: give its upstream_id'
}

/** Smooth weighted round robin: heavy choices are spread, not bunched. */
function smoothPick(choices: readonly Choice[]): () => UpstreamHandle | undefined {
  const total = choices.reduce((sum, { weight }) => sum + weight, 0)
  return () => {
    let best: Choice | undefined
    for (const choice of choices) {
      choice.current += choice.weight
      if (choice.weight > 0 && (best === undefined || choice.current > best.current)) best = choice
    }
    if (best === undefined) return undefined
    best.current -= total
    return best.upstream
  }
}
