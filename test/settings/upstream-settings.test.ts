import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { loadGatewaySettings } from '../../src/settings/gateway-settings.ts'
import { certificateFor } from '../model/schemas/certificates.ts'

function load(env: Record<string, string>) {
  const base = { HOLDFAST_DATABASE_URL: 'postgres://u:p@h/d', HOLDFAST_ENV_FILE: '/dev/null' }
  return loadGatewaySettings({ env: { ...base, ...env } })
}

suite('settings of upstreams', () => {
  test('defaults', () => {
    const { upstream, dns } = load({})
    assert.equal(upstream.forwardIfAllDown, true)
    assert.equal(upstream.trustedCa, undefined)
    assert.equal(upstream.alwaysShowStatus, false)
    assert.deepEqual(dns, { servers: [], timeoutMs: 2000, minTtlMs: 1000, maxTtlMs: 300_000 })
  })

  test('DNS servers in all forms; the longest TTL is no shorter than the shortest', () => {
    const { dns } = load({
      HOLDFAST_DNS_RESOLVERS: '10.0.0.2, 10.0.0.3:5353,[fd00::2],[fd00::3]:54,fd00::4',
      HOLDFAST_DNS_MIN_TTL_MS: '5000',
      HOLDFAST_DNS_MAX_TTL_MS: '100',
    })
    assert.deepEqual(dns.servers, [
      '10.0.0.2',
      '10.0.0.3:5353',
      'fd00::2',
      '[fd00::3]:54',
      'fd00::4',
    ])
    assert.equal(dns.maxTtlMs, 5000)
  })

  for (const resolvers of ['dns.test', '10.0.0.2:0', '10.0.0.2:x', '10.0.0.2,,', '300.1.1.1']) {
    test(`no DNS server: ${resolvers}`, () => {
      assert.throws(() => load({ HOLDFAST_DNS_RESOLVERS: resolvers }), /HOLDFAST_DNS_RESOLVERS/)
    })
  }

  test('authorities: of a file, or of the system', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-ca-'))
    t.after(() => rm(folder, { recursive: true }))
    const file = join(folder, 'ca.pem')
    const [a, b] = [certificateFor('a').cert, certificateFor('b').cert]
    await writeFile(file, `# ours\n${a}${b}`)
    const { trustedCa } = load({ HOLDFAST_UPSTREAM_CA_FILE: file }).upstream
    assert.deepEqual(trustedCa, [a.trim(), b.trim()])
    assert.ok(Array.isArray(load({ HOLDFAST_UPSTREAM_CA_FILE: 'system' }).upstream.trustedCa))
    await writeFile(file, 'nothing')
    for (const path of [file, join(folder, 'missing')]) {
      assert.throws(() => load({ HOLDFAST_UPSTREAM_CA_FILE: path }), /HOLDFAST_UPSTREAM_CA_FILE/)
    }
  })
})
