import type { MetricBook } from '../../model/metrics.ts'
import type { RequestContext, RouteFacts } from '../../model/request-context.ts'

/** Series kept by one instance of a plugin; beyond, all are looked up anew. */
const MAX_KEPT = 20_000

const NO_ROUTE = {}

type ByNode<S> = Map<string, S>

/** What one route's requests are counted in. */
interface RouteSeries<S> {
  readonly withoutConsumer: ByNode<S>
  readonly byConsumer: Map<string, ByNode<S>>
}

/**
 * Series by route, consumer and node: three look-ups by identity or short text in place of joining
 * labels. Routes are kept by their facts, which are new whenever the route changes.
 */
export class SeriesCache<S> {
  readonly #book: MetricBook
  readonly #create: (request: RequestContext) => S
  #routes = new WeakMap<RouteFacts | object, RouteSeries<S>>()
  #generation: number
  #kept = 0

  constructor(book: MetricBook, create: (request: RequestContext) => S) {
    this.#book = book
    this.#create = create
    this.#generation = book.generation
  }

  get(request: RequestContext): S {
    if (this.#generation !== this.#book.generation || this.#kept > MAX_KEPT) this.clear()
    const nodes = this.#nodesOf(request)
    const { nodes: tried } = request.upstream
    const node = tried.length === 0 ? '' : (tried[tried.length - 1] as string)
    const known = nodes.get(node)
    if (known !== undefined) return known
    const series = this.#create(request)
    nodes.set(node, series)
    this.#kept++
    return series
  }

  clear(): void {
    this.#routes = new WeakMap()
    this.#generation = this.#book.generation
    this.#kept = 0
  }

  #nodesOf({ route, consumer }: RequestContext): ByNode<S> {
    const key = route ?? NO_ROUTE
    let series = this.#routes.get(key)
    if (series === undefined) {
      series = { withoutConsumer: new Map(), byConsumer: new Map() }
      this.#routes.set(key, series)
    }
    if (consumer === undefined) return series.withoutConsumer
    const known = series.byConsumer.get(consumer.username)
    if (known !== undefined) return known
    const nodes: ByNode<S> = new Map()
    series.byConsumer.set(consumer.username, nodes)
    return nodes
  }
}
