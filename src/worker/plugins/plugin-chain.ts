import type { RequestContext } from '../../model/request-context.ts'
import type { BodyFilter, PluginInstance, Reply, ResponseHead } from '../../plugins/contract.ts'
import type { ConfiguredPlugin, PluginSet } from './plugin-set.ts'

/** A phase of one plugin. `scope` tells a global rule's plugin from the route's for its filter. */
interface Step<F> {
  readonly of: ConfiguredPlugin
  readonly run: F
}

export type RequestStep = Step<
  (request: RequestContext) => Reply | undefined | Promise<Reply | undefined>
>
type HeaderStep = Step<(request: RequestContext, head: ResponseHead) => void>
type BodyStep = Step<(request: RequestContext, head: ResponseHead) => BodyFilter | undefined>
type LogStep = Step<(request: RequestContext) => void>

/** What runs for a request, in order: in each phase first the global rules, then the route's own. */
export interface PluginChain {
  readonly rewrite: readonly RequestStep[]
  /** `rewrite` of the plugins that only the consumer brought. */
  readonly consumerRewrite: readonly RequestStep[]
  readonly access: readonly RequestStep[]
  readonly beforeProxy: readonly RequestStep[]
  readonly headerFilter: readonly HeaderStep[]
  readonly bodyFilter: readonly BodyStep[]
  readonly encodeBody: readonly BodyStep[]
  readonly log: readonly LogStep[]
  /** A `_meta.filter` looks into the body. */
  readonly needsBody: boolean
}

/**
 * Merges the plugins of all owners that have a say into the chain of a route, or undefined when
 * nothing is left to run.
 * @param layers The route's owners, lowest precedence first: service, plugin_config, route.
 * @param consumerLayers Those of its consumer: consumer_group, consumer.
 */
export function buildChain(
  globals: readonly PluginSet[],
  layers: readonly PluginSet[],
  consumerLayers: readonly PluginSet[] = [],
): PluginChain | undefined {
  const own = new Map(layers.flatMap((set) => [...set]))
  const merged = new Map([...own, ...consumerLayers.flatMap((set) => [...set])])
  const globalPlugins = new Map(globals.flatMap((set) => [...set]))
  for (const [name, { plugin }] of globalPlugins) {
    if (plugin.preferRoute === true && merged.has(name)) globalPlugins.delete(name)
  }
  const outer = inOrder(globalPlugins)
  const inner = inOrder(merged)
  if (outer.length + inner.length === 0) return undefined
  const all = [...outer, ...inner]
  return {
    rewrite: steps(all, 'rewrite'),
    consumerRewrite: steps(
      inner.filter(({ plugin }) => !own.has(plugin.name)),
      'rewrite',
    ),
    access: steps(all, 'access'),
    beforeProxy: steps(all, 'beforeProxy'),
    headerFilter: steps(all, 'headerFilter'),
    bodyFilter: steps(all, 'bodyFilter'),
    encodeBody: steps(all, 'encodeBody'),
    log: steps(all, 'log'),
    needsBody: all.some(({ needsBody }) => needsBody),
  }
}

function inOrder(plugins: ReadonlyMap<string, ConfiguredPlugin>): ConfiguredPlugin[] {
  return [...plugins.values()]
    .filter(({ disabled }) => !disabled)
    .sort((a, b) => b.priority - a.priority || (a.plugin.name < b.plugin.name ? -1 : 1))
}

type Phase = Exclude<keyof PluginChain, 'consumerRewrite' | 'needsBody'>

type StepOf<P extends Phase> = Step<NonNullable<PluginInstance[P]>>

/** Shared by all chains that a plugin is in: there is one chain per route and consumer. */
const knownSteps = new WeakMap<ConfiguredPlugin, { [P in Phase]?: StepOf<P> }>()
const NO_STEPS: readonly never[] = []

function steps<P extends Phase>(
  plugins: readonly ConfiguredPlugin[],
  phase: P,
): readonly StepOf<P>[] {
  const list: StepOf<P>[] = []
  for (const of of plugins) {
    if (of.instance[phase] !== undefined) list.push(stepOf(of, phase))
  }
  return list.length === 0 ? NO_STEPS : list
}

function stepOf<P extends Phase>(of: ConfiguredPlugin, phase: P): StepOf<P> {
  let known = knownSteps.get(of)
  if (known === undefined) {
    known = {}
    knownSteps.set(of, known)
  }
  const run = of.instance[phase] as NonNullable<PluginInstance[P]>
  known[phase] ??= { of, run: run.bind(of.instance) as typeof run } as (typeof known)[P]
  return known[phase] as StepOf<P>
}
