/**
 * Prints what a look-up, a change of one route and the memory cost at 1 000, 10 000 and 100 000 routes,
 * and what a route of 100 hosts × 100 uris costs to put in. Sizes take turns, round by round: on a
 * machine that others use, only ratios within a round mean something.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { RouterMode } from '../src/model/routing.ts'
import { hostOf } from '../src/routing/host.ts'
import { normalizePath } from '../src/routing/path.ts'
import { createRouter, type MatchRule, type Router } from '../src/routing/router.ts'

const SIZES = [1000, 10_000, 100_000]
const LOOK_UPS = 100_000
const CHANGES = 2000
const ROUNDS = 7
/** Traffic keeps to some of the routes; `all` asks for every one in turn, in no order of memory. */
const BUSY_ROUTES = 1000
const STRIDE = 7919

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

interface Subject {
  readonly size: number
  readonly router: Router<number>
  readonly buildMs: number
  readonly bytes: number
  readonly targets: readonly (readonly [target: string, authority: string])[]
  busyNs: number
  allNs: number
  putUs: number
  deleteUs: number
}

function ruleOf(i: number): MatchRule {
  return {
    uris: [`/api/v${i % 7}/service-${i}/*`],
    hosts: i % 2 === 0 ? [] : [`tenant-${i % 100}.example.com`],
    methods: ['GET', 'POST'],
    priority: 0,
  }
}

/** As a request brings it: strings of their own, which share nothing with the configuration. */
function targetOf(i: number): readonly [string, string] {
  const authority = i % 2 === 0 ? 'other.example.com:9080' : `tenant-${i % 100}.example.com`
  return [Buffer.from(`/api/v${i % 7}/service-${i}/items/42?x=1`).toString(), authority]
}

function build(size: number, mode: RouterMode): Subject {
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  const router = createRouter<number>({ mode })
  const startedAt = performance.now()
  for (let i = 0; i < size; i++) router.put(`${i}`, ruleOf(i), i)
  const buildMs = performance.now() - startedAt
  collectGarbage()
  const bytes = process.memoryUsage().heapUsed - before
  const targets = Array.from({ length: size }, (_, i) => targetOf((i * STRIDE) % size))
  const unmeasured = Number.POSITIVE_INFINITY
  const best = { busyNs: unmeasured, allNs: unmeasured, putUs: unmeasured, deleteUs: unmeasured }
  return { size, router, buildMs, bytes, targets, ...best }
}

/** Mean of the calls, in milliseconds. */
function mean(calls: number, call: (i: number) => void): number {
  const startedAt = performance.now()
  for (let i = 0; i < calls; i++) call(i)
  return (performance.now() - startedAt) / calls
}

function measure(subject: Subject): void {
  const { router, targets, size } = subject
  const lookUp = (among: number) => (i: number) => {
    const [target, authority] = targets[i % among] ?? ['', '']
    const path = normalizePath(target) ?? ''
    const found = router.match({ method: 'GET', host: hostOf(authority), path })
    if (found !== ((i % among) * STRIDE) % size) throw new Error(`${target} was not found`)
  }
  subject.busyNs = Math.min(subject.busyNs, mean(LOOK_UPS, lookUp(BUSY_ROUTES)) * 1e6)
  subject.allNs = Math.min(subject.allNs, mean(LOOK_UPS, lookUp(size)) * 1e6)
  const putMs = mean(CHANGES, (i) => router.put(`${size + i}`, ruleOf(size + i), size + i))
  subject.putUs = Math.min(subject.putUs, putMs * 1000)
  const deleteMs = mean(CHANGES, (i) => router.delete(`${size + i}`))
  subject.deleteUs = Math.min(subject.deleteUs, deleteMs * 1000)
}

function report({ size, buildMs, bytes, ...best }: Subject): string {
  return [
    `${size} routes:`.padEnd(15),
    `look-up among ${BUSY_ROUTES} routes ${best.busyNs.toFixed(0)} ns, among all ${best.allNs.toFixed(0)} ns`,
    `put ${best.putUs.toFixed(1)} µs, delete ${best.deleteUs.toFixed(1)} µs`,
    `build ${buildMs.toFixed(0)} ms`,
    `${(bytes / size).toFixed(0)} bytes a route`,
  ].join('  ')
}

function benchMode(mode: RouterMode): void {
  const subjects = SIZES.map((size) => build(size, mode))
  for (let round = 0; round < ROUNDS; round++) subjects.forEach(measure)
  console.log(mode)
  for (const subject of subjects) console.log(report(subject))
  const [small, large] = [subjects[0], subjects.at(-1)]
  if (small === undefined || large === undefined) return
  const ratio = (of: (subject: Subject) => number) => (of(large) / of(small)).toFixed(2)
  console.log(
    `100 000 / 1 000: ${ratio((one) => one.busyNs)} among ${BUSY_ROUTES}, ${ratio((one) => one.allNs)} among all`,
  )
}

function benchWide(): void {
  const router = createRouter<number>()
  const hosts = Array.from({ length: 100 }, (_, i) => `h${i}.example.com`)
  for (const end of ['', '/*', '*']) {
    const uris = Array.from({ length: 100 }, (_, i) => `/u${i}${end}`)
    const ms = mean(1, () =>
      router.put(`wide${end}`, { uris, hosts, methods: undefined, priority: 0 }, 1),
    )
    console.log(`one route of 100 hosts × 100 uris like /u1${end}: ${ms.toFixed(1)} ms`)
  }
}

benchMode('radixtree_host_uri')
benchMode('radixtree_uri')
benchWide()
