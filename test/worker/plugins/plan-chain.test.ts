import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ConsumerChains, PlanChain } from '../../../src/worker/plugins/plan-chain.ts'
import type { RequestStep } from '../../../src/worker/plugins/plugin-chain.ts'
import {
  type ConfiguredPlugin,
  NO_PLUGINS,
  type PluginSet,
} from '../../../src/worker/plugins/plugin-set.ts'
import { fakePlugin } from './plugin-fixtures.ts'

const noop = { rewrite: () => undefined, access: () => undefined }

/** A set of plugins, each given as `name:priority`; `-name` is one that is disabled. */
function setOf(...specs: string[]): PluginSet {
  const entries = specs.map((spec): [string, ConfiguredPlugin] => {
    const [label = '', priority = '1'] = spec.split(':')
    const disabled = label.startsWith('-')
    const name = disabled ? label.slice(1) : label
    const plugin = fakePlugin(name, Number(priority), () => noop)
    const more = {
      stop() {},
      accepts: undefined,
      needsBody: false,
      errorResponse: undefined,
      fingerprint: spec,
    }
    return [name, { plugin, instance: noop, priority: plugin.priority, disabled, ...more }]
  })
  return new Map(entries)
}

const globalsOf = (...sets: PluginSet[]) => ({ sets, remembered: new ConsumerChains(100) })

const labels = (steps: readonly RequestStep[] = []) => steps.map(({ of }) => of.fingerprint)

suite('PlanChain', () => {
  test('has no chain when nothing is configured', () => {
    assert.equal(new PlanChain(globalsOf(), [{ current: NO_PLUGINS }]).current, undefined)
  })

  test('orders by priority, then name; global rules come first', () => {
    const globals = globalsOf(setOf('g:1'))
    const chain = new PlanChain(globals, [{ current: setOf('b:5', 'c:9', 'a:5') }])
    assert.deepEqual(labels(chain.current?.access), ['g:1', 'c:9', 'a:5', 'b:5'])
  })

  test('a later layer takes the place of an earlier one, a disabled one takes it out', () => {
    const cells = [{ current: setOf('a:1', 'b:1', 'c:1') }, { current: setOf('a:2', '-b') }]
    const chain = new PlanChain(globalsOf(), cells)
    assert.deepEqual(labels(chain.current?.access), ['a:2', 'c:1'])
  })

  test('follows its owners, and merges only when one of them changed', () => {
    const cell = { current: setOf('a:1') }
    const globals = globalsOf()
    const plan = new PlanChain(globals, [cell])
    const first = plan.current
    assert.equal(plan.current, first)
    cell.current = setOf('b:1')
    assert.deepEqual(labels(plan.current?.access), ['b:1'])
    globals.sets = [setOf('g:1')]
    assert.deepEqual(labels(plan.current?.access), ['g:1', 'b:1'])
  })

  test('joins what a consumer brings; only what is new is rewritten again', () => {
    const plan = new PlanChain(globalsOf(setOf('g:1')), [{ current: setOf('a:1', 'b:1') }])
    const consumer = { own: { current: setOf('a:7') }, group: { current: setOf('a:6', 'n:6') } }
    const chain = plan.forConsumer(consumer)
    assert.deepEqual(labels(chain?.access), ['g:1', 'a:7', 'n:6', 'b:1'])
    assert.deepEqual(labels(chain?.consumerRewrite), ['n:6'])
    assert.equal(plan.forConsumer(consumer), chain, 'remembered')
    consumer.group.current = NO_PLUGINS
    assert.deepEqual(labels(plan.forConsumer(consumer)?.access), ['g:1', 'a:7', 'b:1'])
  })

  test('what is remembered for consumers is bounded over all routes', () => {
    const globals = globalsOf()
    const plans = Array.from(
      { length: 20 },
      () => new PlanChain(globals, [{ current: setOf('a') }]),
    )
    const consumers = Array.from({ length: 20 }, () => ({
      own: { current: setOf('b') },
      group: undefined,
    }))
    const visit = (plan: PlanChain) => consumers.map((consumer) => plan.forConsumer(consumer))
    const first = plans.map(visit)
    for (const [i, plan] of plans.entries()) {
      if (i < 15) continue
      assert.deepEqual(
        consumers.map((consumer, at) => plan.forConsumer(consumer) === first[i]?.[at]),
        consumers.map(() => true),
        'the last hundred',
      )
    }
    assert.notEqual(plans[0]?.forConsumer(consumers[0] ?? assert.fail()), first[0]?.[0])
  })

  test('consumers without plugins share the chain of the route', () => {
    const plan = new PlanChain(globalsOf(), [{ current: setOf('a:1') }])
    const nobody = { own: { current: NO_PLUGINS }, group: undefined }
    assert.equal(plan.forConsumer(nobody), plan.current)
  })

  test('a plugin that prefers the route runs once', () => {
    const preferring = new Map(
      [...setOf('p:1')].map(([name, one]) => [
        name,
        { ...one, plugin: { ...one.plugin, preferRoute: true } },
      ]),
    )
    const globals = globalsOf(preferring)
    const withOwn = new PlanChain(globals, [{ current: setOf('p:2') }])
    assert.deepEqual(labels(withOwn.current?.access), ['p:2'])
    assert.deepEqual(labels(new PlanChain(globals, []).current?.access), ['p:1'])
  })
})
