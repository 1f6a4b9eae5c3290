// What consumers cost a worker: time to load, memory, and the look-up of a key by their number.
// node --expose-gc bench/consumers.ts [most]
import type { ResourceBody } from '../src/model/resource-kind.ts'
import basicAuth from '../src/plugins/basic-auth.ts'
import type { Plugin, PluginInstance } from '../src/plugins/contract.ts'
import hmacAuth from '../src/plugins/hmac-auth.ts'
import jwtAuth from '../src/plugins/jwt-auth.ts'
import keyAuth from '../src/plugins/key-auth.ts'
import { PluginTable } from '../src/worker/plugins/plugin-table.ts'
import { consumersOf } from '../test/helpers/consumer-directory.ts'
import { configure, createRequest } from '../test/helpers/plugin-harness.ts'
import { signToken } from '../test/helpers/sign-token.ts'
import { createServices } from '../test/worker/plugins/plugin-fixtures.ts'

const MOST = Number(process.argv[2] ?? 100_000)
const NO_UPSTREAMS = {
  find: () => undefined,
  create: () => {
    throw new Error('no upstream here')
  },
}

function consumer(i: number): ResourceBody {
  return { username: `user_${i}`, plugins: { 'key-auth': { key: `key-of-user-${i}` } } }
}

function heapMib(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 1024 / 1024
}

/** µs per call, the median of several rounds. */
function timeOf(work: () => void): number {
  const rounds = Array.from({ length: 9 }, () => {
    const startedAt = performance.now()
    for (let i = 0; i < 20_000; i++) work()
    return ((performance.now() - startedAt) * 1000) / 20_000
  })
  return rounds.sort((a, b) => a - b)[4] ?? 0
}

function loadTable(bodies: readonly ResourceBody[]): void {
  const before = heapMib()
  const table = new PluginTable(createServices([keyAuth]), NO_UPSTREAMS)
  const startedAt = performance.now()
  for (const body of bodies) table.putConsumer(String(body['username']), body)
  const loadMs = performance.now() - startedAt
  const mib = heapMib() - before
  table.putConsumer('last', consumer(bodies.length))
  console.log(
    `${bodies.length} consumers: loaded in ${loadMs.toFixed(0)} ms, ${mib.toFixed(1)} MiB`,
  )
}

function requestTime(label: string, plugin: Plugin, config: object, headers: string[]): void {
  const consumers = consumersOf(plugin, { ann: { ...config } })
  const instance: PluginInstance = configure(plugin, {}, { consumers })
  const bare = timeOf(() => void createRequest({ headers }).headers)
  const all = timeOf(() => void instance.rewrite?.(createRequest({ headers })))
  console.log(`${label.padEnd(24)} ${(all - bare).toFixed(1)} µs`)
}

for (let count = 100; count <= MOST; count *= 10) {
  const bodies = Array.from({ length: count }, (_, i) => consumer(i))
  loadTable(bodies)
  const keys = Object.fromEntries(bodies.map((_, i) => [`user_${i}`, { key: `key-of-user-${i}` }]))
  const directory = consumersOf(keyAuth, keys)
  let i = 0
  const found = timeOf(() => void directory.find(`key-of-user-${i++ % count}`))
  const missed = timeOf(() => void directory.find(`nobody-${i++ % count}`))
  console.log(`  look-up ${(found * 1000).toFixed(0)} ns, in vain ${(missed * 1000).toFixed(0)} ns`)
}

console.log('a request that is let in, beyond making it:')
const password = Buffer.from('ann:password').toString('base64')
const token = signToken('HS256', 'secret', { key: 'ann', exp: 4_000_000_000 })
const bearer = ['Authorization', `Bearer ${token}`]
requestTime('key-auth', keyAuth, { key: 'k' }, ['apikey', 'k'])
const user = { username: 'ann', password: 'password' }
requestTime('basic-auth', basicAuth, user, ['Authorization', `Basic ${password}`])
requestTime('jwt-auth, HS256', jwtAuth, { key: 'ann', secret: 'secret' }, bearer)
const unsigned = 'Signature keyId="id",algorithm="hmac-sha256",headers="date",signature="AAAA"'
const date = new Date().toUTCString()
const credential = { key_id: 'id', secret_key: 'secret' }
requestTime('hmac-auth, refused', hmacAuth, credential, ['Date', date, 'Authorization', unsigned])
