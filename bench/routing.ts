/** Prints what a look-up and a change of one route cost at 1 000, 10 000 and 100 000 routes. */
import { hostOf } from '../src/routing/host.ts'
import { normalizePath } from '../src/routing/path.ts'
import { createRouter, type MatchRule, type Router } from '../src/routing/router.ts'

const LOOK_UPS = 200_000
const CHANGES = 2000
const ROUNDS = 3

function ruleOf(i: number): MatchRule {
  return {
    uris: [`/api/v${i % 7}/service-${i}/*`],
    hosts: i % 2 === 0 ? [] : [`tenant-${i % 100}.example.com`],
    methods: ['GET', 'POST'],
    priority: 0,
  }
}

function matchAt(router: Router<number>, i: number): number | undefined {
  const path = normalizePath(`/api/v${i % 7}/service-${i}/items/42?x=1`) ?? ''
  const host = hostOf(i % 2 === 0 ? 'other.example.com:9080' : `tenant-${i % 100}.example.com`)
  return router.match({ method: 'GET', host, path })
}

/** Best mean of several rounds, in milliseconds per call. */
function measure(calls: number, call: (round: number, i: number) => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = performance.now()
    for (let i = 0; i < calls; i++) call(round, i)
    best = Math.min(best, (performance.now() - startedAt) / calls)
  }
  return best
}

function benchSize(size: number): string {
  const router = createRouter<number>()
  const builtAt = performance.now()
  for (let i = 0; i < size; i++) router.put(`${i}`, ruleOf(i), i)
  const buildMs = performance.now() - builtAt

  const matchMs = measure(LOOK_UPS, (_, i) => {
    const target = (i * 7919) % size
    if (matchAt(router, target) !== target) throw new Error(`route ${target} was not found`)
  })
  const putMs = measure(CHANGES, (round, i) => {
    const id = size + round * CHANGES + i
    router.put(`${id}`, ruleOf(id), id)
  })
  const deleteMs = measure(CHANGES, (round, i) => {
    router.delete(`${size + round * CHANGES + i}`)
  })
  const us = (ms: number) => (ms * 1000).toFixed(1)
  return [
    `${size} routes:`,
    `match ${(matchMs * 1e6).toFixed(0)} ns`,
    `put ${us(putMs)} µs`,
    `delete ${us(deleteMs)} µs`,
    `build ${buildMs.toFixed(0)} ms`,
  ].join('  ')
}

for (const size of [1000, 10_000, 100_000]) console.log(benchSize(size))
