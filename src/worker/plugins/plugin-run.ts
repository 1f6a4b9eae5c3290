import type { BodyFilter, Reply } from '../../plugins/contract.ts'
import type { Logger } from '../../support/logger.ts'
import { isBodyError } from '../buffered-body.ts'
import type { GatewayRequest } from '../gateway-request.ts'
import type { StatsCollector } from '../stats.ts'
import { BodyPipe, type BodyPipeTarget } from './body-pipe.ts'
import type { PlanChain } from './plan-chain.ts'
import type { PluginChain, RequestStep } from './plugin-chain.ts'
import type { ConfiguredPlugin } from './plugin-set.ts'
import type { MutableHead } from './reply-head.ts'

/** What the plugins of a request come to. Exactly one of these is called before the response. */
export interface PluginRunOwner {
  readonly request: GatewayRequest
  /** Every plugin let the request pass. */
  proceed(): void
  /** A plugin answers the request. */
  answer(reply: Reply, body: unknown): void
  /** A plugin threw. */
  failed(error: unknown): void
}

type Stage = 'rewrite' | 'consumerRewrite' | 'access' | 'beforeProxy'

/**
 * The plugins of one request, from `rewrite` to `log`. As long as none returns a promise, all of it
 * happens in one go.
 *
 * Stages: rewrite → consumerRewrite (only with a consumer that has plugins) → access →
 * beforeProxy (only with a route) → proceed.
 */
export class PluginRun {
  readonly #plan: PlanChain
  readonly #owner: PluginRunOwner
  readonly #services: { stats: StatsCollector; log: Logger }
  #chain: PluginChain
  /** What `_meta.filter` of a plugin said; once per request. */
  #verdicts: Map<ConfiguredPlugin, boolean> | undefined
  #over = false

  constructor(
    plan: PlanChain,
    chain: PluginChain,
    owner: PluginRunOwner,
    services: { stats: StatsCollector; log: Logger },
  ) {
    this.#plan = plan
    this.#chain = chain
    this.#owner = owner
    this.#services = services
  }

  start(): void {
    const { rewrite, needsBody } = this.#chain
    if (needsBody) this.#withBody(() => this.#run('rewrite', rewrite, 0))
    else this.#run('rewrite', rewrite, 0)
  }

  /** Header filters, then the body filters that the plugins want; false if one failed. */
  filterResponse(
    head: MutableHead,
    target: Omit<BodyPipeTarget, 'report'>,
  ): BodyPipe | undefined | false {
    const { request } = this.#owner
    let of: ConfiguredPlugin | undefined
    try {
      for (const step of this.#chain.headerFilter) {
        of = step.of
        if (this.#takes(of)) step.run(request, head)
      }
      const filters: BodyFilter[] = []
      for (const steps of [this.#chain.bodyFilter, this.#chain.encodeBody]) {
        for (const step of steps) {
          of = step.of
          const filter = this.#takes(of) ? step.run(request, head) : undefined
          if (filter !== undefined) filters.push(filter)
        }
      }
      return filters.length === 0 ? undefined : new BodyPipe(filters, this.#guarded(target))
    } catch (error) {
      this.#report(of, 'headerFilter', error)
      // Not again: the answer to a failure is not theirs to fail at.
      this.#chain = { ...this.#chain, headerFilter: [], bodyFilter: [], encodeBody: [] }
      this.#owner.failed(error)
      return false
    }
  }

  /** The exchange is over. */
  finish(): void {
    this.#over = true
    for (const step of this.#chain.log) {
      try {
        if (this.#takes(step.of)) step.run(this.#owner.request)
      } catch (error) {
        this.#report(step.of, 'log', error)
      }
    }
  }

  /** A `_meta.filter` that looks into the body finds it read, unless it is larger than may be held. */
  #withBody(next: () => void): void {
    const { request } = this.#owner
    if (!request.mayReadBody) {
      next()
      return
    }
    request.readBody().then(
      () => {
        if (!this.#over) next()
      },
      (error: unknown) => {
        if (!this.#over) this.#owner.failed(error)
      },
    )
  }

  #run(stage: Stage, steps: readonly RequestStep[], from: number): void {
    for (let i = from; i < steps.length; i++) {
      const step = steps[i] as RequestStep
      let result: Reply | undefined | Promise<Reply | undefined>
      try {
        if (!this.#takes(step.of)) continue
        result = step.run(this.#owner.request)
      } catch (error) {
        this.#fail(step, stage, error)
        return
      }
      if (result === undefined) continue
      if (result instanceof Promise) {
        this.#await(result, stage, steps, i)
        return
      }
      this.#answer(step, stage, result)
      return
    }
    this.#leave(stage)
  }

  #await(
    result: Promise<Reply | undefined>,
    stage: Stage,
    steps: readonly RequestStep[],
    index: number,
  ): void {
    const step = steps[index] as RequestStep
    result.then(
      (reply) => {
        if (this.#over) return
        if (reply === undefined) this.#run(stage, steps, index + 1)
        else this.#answer(step, stage, reply)
      },
      (error: unknown) => this.#fail(step, stage, error),
    )
  }

  #leave(stage: Stage): void {
    const { identity, plan } = this.#owner.request
    if (stage === 'beforeProxy' || (stage === 'access' && plan === undefined)) {
      this.#proceed()
      return
    }
    if (stage === 'access') {
      this.#run('beforeProxy', this.#chain.beforeProxy, 0)
      return
    }
    if (stage === 'rewrite' && identity !== undefined) {
      const chain = this.#plan.forConsumer(identity.plugins)
      if (chain !== undefined && chain !== this.#chain) {
        this.#chain = chain
        const { consumerRewrite, needsBody } = chain
        if (needsBody) this.#withBody(() => this.#run('consumerRewrite', consumerRewrite, 0))
        else this.#run('consumerRewrite', consumerRewrite, 0)
        return
      }
    }
    this.#run('access', this.#chain.access, 0)
  }

  /** What plugins did to the request may be what can't be sent; there may be nobody to catch it. */
  #proceed(): void {
    try {
      this.#owner.proceed()
    } catch (error) {
      this.#report(undefined, 'proxy', error)
      this.#owner.failed(error)
    }
  }

  #answer(step: RequestStep, stage: Stage, reply: Reply): void {
    try {
      const { errorResponse } = step.of
      const replaced = reply.status >= 400 && errorResponse !== undefined
      this.#owner.answer(reply, replaced ? errorResponse : reply.body)
    } catch (error) {
      this.#fail(step, stage, error)
    }
  }

  #takes(of: ConfiguredPlugin): boolean {
    if (of.accepts === undefined) return true
    this.#verdicts ??= new Map()
    const known = this.#verdicts.get(of)
    if (known !== undefined) return known
    const verdict = of.accepts(this.#owner.request)
    this.#verdicts.set(of, verdict)
    return verdict
  }

  #fail(step: RequestStep, phase: string, error: unknown): void {
    if (!isBodyError(error)) this.#report(step.of, phase, error)
    if (!this.#over) this.#owner.failed(error)
  }

  #guarded(target: Omit<BodyPipeTarget, 'report'>): BodyPipeTarget {
    return {
      ...target,
      fail: (error) => {
        this.#report(undefined, 'bodyFilter', error)
        target.fail(error)
      },
      report: (error) => this.#report(undefined, 'bodyFilter', error),
    }
  }

  #report(of: ConfiguredPlugin | undefined, phase: string, err: unknown): void {
    const plugin = of?.plugin.name ?? phase
    const { request } = this.#owner
    const fields = { err, plugin, phase, routeId: request.route?.id, requestId: request.id }
    this.#services.stats.countPluginError(plugin)
    this.#services.log.error(fields, 'plugin failed')
  }
}
