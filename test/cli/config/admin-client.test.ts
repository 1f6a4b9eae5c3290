import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { createAdminClient } from '../../../src/cli/config/admin-client.ts'

/** The target of the first question that a client with this base asks. */
async function targetOf(t: TestContext, basePath: string): Promise<string | undefined> {
  let target: string | undefined
  const server = createServer((request, response) => {
    target = request.url
    response.end('{}')
  })
  server.listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = new URL(`http://127.0.0.1:${port}${basePath}`)
  await createAdminClient({ url, key: 'k', group: 'default' }).loadConfig()
  return target
}

suite('client of the Admin API', () => {
  const targets: [base: string, target: string][] = [
    ['', '/holdfast/v1/config'],
    ['/gateway/', '/gateway/holdfast/v1/config'],
    // As the path of a relative URL this would name another host.
    ['//', '/holdfast/v1/config'],
    ['//elsewhere', '//elsewhere/holdfast/v1/config'],
  ]
  for (const [base, target] of targets) {
    test(`a base of "${base}" stays on its host`, async (t) => {
      assert.equal(await targetOf(t, base), `${target}?gateway_group_id=default`)
    })
  }
})
