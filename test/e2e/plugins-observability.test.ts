import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, renameSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startPluginStack } from '../helpers/plugin-stack.ts'
import { temporaryFolder, until } from '../helpers/stack.ts'

/** Takes batches; answers what `status` says. */
async function startReceiver(t: TestContext) {
  const batches: { headers: Record<string, unknown>; body: string }[] = []
  const receiver = { url: '', batches, status: 200 }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      batches.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
      response.writeHead(receiver.status).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/logs`
  return receiver
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(0, -1)
  } catch {
    return []
  }
}

test('metrics, loggers and the access log of two workers', async (t) => {
  const folder = await temporaryFolder(t)
  const accessLog = join(folder, 'access.log')
  const { route, put, call, gateway, refusal, node } = await startPluginStack(t, {
    HOLDFAST_ACCESS_LOG: accessLog,
    HOLDFAST_ACCESS_LOG_FORMAT: '$request_method $uri $status $upstream_addr "$arg_x" $route_id',
    HOLDFAST_METRICS_EXPIRE_MS: '3000',
    HOLDFAST_HTTP_BODY_TIMEOUT_MS: '1000',
    HOLDFAST_METRICS_EXTRA_LABELS: 'bandwidth.who=$arg_who',
  })
  const metrics = async () => {
    return (await fetch(`${gateway.metricsUrl}/apisix/prometheus/metrics`)).text()
  }
  const sum = (text: string, pattern: RegExp) =>
    [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0)
  const labels = /route="counted",.*consumer="",node="127\.0\.0\.1",/

  await t.test('prometheus counts the requests of both workers together', async () => {
    await route('counted', { prometheus: {} }, { host: '127.0.0.1' })
    for (let i = 0; i < 20; i++) assert.equal((await call(`/counted/?who=w${i % 2}`)).status, 200)
    const counted = /^apisix_http_status\{code="200",(route="counted",.*)\} 20$/m
    await until(async () => counted.test(await metrics()))
    const text = await metrics()
    assert.match(counted.exec(text)?.[1] ?? '', labels)
    assert.match(text, /matched_uri="\/counted\/\*",matched_host="127\.0\.0\.1"/)
    for (const type of ['request', 'upstream', 'apisix']) {
      const count = `^apisix_http_latency_count\\{type="${type}",route="counted".*\\} 20$`
      assert.match(text, new RegExp(count, 'm'))
    }
    assert.match(text, /^apisix_http_latency_bucket\{type="request",.*le="\+Inf"\} 20$/m)
    assert.ok(sum(text, /^apisix_bandwidth\{type="egress".*who="w0"\} (\d+)$/gm) > 1_000)
    assert.match(text, /^# TYPE apisix_http_latency histogram$/m)
    assert.match(text, /^apisix_node_info\{hostname="[^"]+",version="[^"]+"\} 1$/m)
    assert.match(text, /^apisix_etcd_reachable 1$/m)
    assert.match(text, /^apisix_nginx_http_current_connections\{state="handled"\} \d+$/m)
    assert.match(text, /^apisix_http_requests_total [1-9]\d+$/m)
  })

  await t.test('a global rule counts what no route takes, and yields to the route', async () => {
    await put('/global_rules/1', { plugins: { prometheus: {} } })
    assert.equal((await call('/nowhere')).status, 404)
    await call('/counted/')
    const unrouted = /^apisix_http_status\{code="404",route="",.*response_source="apisix"\} 1$/m
    const once = /^apisix_http_status\{code="200",route="counted",.*\} 21$/m
    await until(async () => unrouted.test(await metrics()) && once.test(await metrics()))
  })

  await t.test('what was counted outlives a worker', async () => {
    const { workers } = await gateway.sync()
    await call('/counted/')
    await until(async () => /route="counted",.*\} 22$/m.test(await metrics()))
    process.kill(workers[0].pid, 'SIGKILL')
    await until(async () => {
      const now = (await gateway.sync()).workers
      return now.length === 2 && now.every((one: { serving: boolean }) => one.serving)
    })
    await call('/counted/')
    await until(async () => /route="counted",.*\} 23$/m.test(await metrics()))
  })

  await t.test('file-logger appends a line of JSON for each request', async () => {
    const path = join(folder, 'requests.log')
    await route('filed', {
      'file-logger': { path, include_req_body: true, include_resp_body: true },
    })
    const headers = { authorization: 'Basic c2VjcmV0', 'x-a': ['1', '2'] }
    for (let i = 0; i < 10; i++) {
      await call(`/filed/?n=${i}&n=x`, { method: 'POST', body: `body ${i}`, headers })
    }
    await until(() => linesOf(path).length === 10)
    const entries = linesOf(path).map((line) => JSON.parse(line))
    const entry = entries.find(({ request }) => request.body === 'body 3')
    assert.deepEqual(entry.request.querystring, { n: ['3', 'x'] })
    assert.equal(entry.request.uri, '/filed/?n=3&n=x')
    assert.equal(entry.request.headers.authorization, '***')
    assert.doesNotMatch(JSON.stringify(entry.request), /c2VjcmV0/)
    assert.equal(JSON.parse(entry.response.body).body, 'body 3')
    assert.deepEqual(
      [entry.route_id, entry.service_id, entry.upstream, entry.client_ip, entry.response.status],
      ['filed', '', node.address, '127.0.0.1', 200],
    )
    assert.ok(entry.request.size > 100 && entry.response.size > entry.response.body.length)
    assert.ok(entry.latency >= entry.upstream_latency && entry.apisix_latency >= 0)
    assert.ok(Math.abs(entry.start_time - Date.now()) < 60_000)
  })

  await t.test('file-logger follows its metadata, conditions and a rotated file', async () => {
    const path = join(folder, 'some.log')
    await put('/plugin_metadata/file-logger', {
      path,
      log_format: { who: '$arg_who', at: { host: '$host' }, kind: 'line' },
    })
    await route('some', { 'file-logger': { match: [[['arg_who', '~~', '^a']]] } })
    for (const who of ['ann', 'bob']) await call(`/some/?who=${who}`)
    await until(() => linesOf(path).length === 1)
    assert.deepEqual(JSON.parse(linesOf(path)[0] ?? ''), {
      who: 'ann',
      at: { host: '127.0.0.1' },
      kind: 'line',
      route_id: 'some',
    })
    renameSync(path, `${path}.1`)
    await until(async () => {
      await call('/some/?who=again')
      return linesOf(path).length > 0
    })
  })

  await t.test('http-logger sends batches, also when its route goes', async () => {
    const receiver = await startReceiver(t)
    const logger = { uri: receiver.url, auth_header: 'Bearer t', batch_max_size: 2 }
    await route('sent', { 'http-logger': { ...logger, log_format: { n: '$arg_n' } } })
    for (let i = 0; i < 9; i++) await call(`/sent/?n=${i}`)
    await put('/routes/sent', { uri: '/sent/*', upstream: { type: 'roundrobin', nodes: {} } })
    const entries = () => receiver.batches.flatMap(({ body }) => JSON.parse(body))
    await until(() => entries().length === 9)
    const seen = entries().map(({ n }) => Number(n))
    assert.deepEqual(seen.toSorted(), [0, 1, 2, 3, 4, 5, 6, 7, 8])
    assert.ok(receiver.batches.every(({ headers }) => headers['authorization'] === 'Bearer t'))
    assert.equal(entries()[0].route_id, 'sent')
  })

  await t.test('http-logger counts what nobody takes', async () => {
    const receiver = await startReceiver(t)
    receiver.status = 500
    await route('lost', { 'http-logger': { uri: receiver.url, batch_max_size: 1 } })
    for (let i = 0; i < 3; i++) assert.equal((await call('/lost/')).status, 200)
    const dropped =
      /^holdfast_log_entries_dropped_total\{plugin="http-logger",reason="failed"\} 3$/m
    await until(async () => dropped.test(await metrics()))
  })

  await t.test('what can not be served is refused', async () => {
    const bad = { uri: 'ftp://a.com' }
    const body = { uri: '/bad', plugins: { 'http-logger': bad } }
    assert.match(await refusal('/routes/bad', body), /must begin with http/)
    const match = {
      uri: '/bad',
      plugins: { 'file-logger': { path: 'x', match: [['a', '==', 1]] } },
    }
    assert.match(await refusal('/routes/bad', match), /failed to validate the 'match' expression/)
    const label = { disabled_labels: { http_status: ['code'] } }
    await refusal('/plugin_metadata/prometheus', label)
  })

  await t.test('the access log has a line for each request', async () => {
    await call('/bare/b?x=%22%0a')
    await until(() => linesOf(accessLog).some((line) => line.startsWith('GET /bare/b')))
    const lines = linesOf(accessLog)
    assert.ok(lines.includes(`GET /bare/b 200 ${node.address} "\\x22\\x0A" bare`))
    assert.ok(lines.includes('GET /nowhere 404 - "-" -'))
    assert.equal(lines.filter((line) => line.startsWith('POST /filed/ 200')).length, 10)
  })

  await t.test('what is refused before it is routed has its line and its counters', async () => {
    const talk = async (bytes: string) => {
      const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
      socket.write(bytes)
      const [answer] = await once(socket, 'data')
      socket.destroy()
      return String(answer).slice(9, 12)
    }
    assert.equal(await talk('GET / HTTP/1.1\r\n\r\n'), '400')
    assert.equal(await talk(`GET /${'x'.repeat(9_000)} HTTP/1.1\r\nHost: a\r\n\r\n`), '414')
    // This one is a request already when it fails.
    const slow = 'POST /bare/slow HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nx'
    assert.equal(await talk(slow), '408')
    await until(() => linesOf(accessLog).some((line) => line.startsWith('POST /bare/slow')))
    const lines = linesOf(accessLog)
    assert.deepEqual(
      ['- - 400', '- - 414', 'POST /bare/slow 408'].map(
        (start) => lines.filter((line) => line.startsWith(start)).length,
      ),
      [1, 1, 1],
    )
    const counted = [
      'refused_total{status="400"}',
      'refused_total{status="414"}',
      'requests_total{status="408"}',
      'refusals_total{reason="the Host header is missing"}',
      'refusals_total{reason="the request body took too long"}',
    ]
    const all = async () => (await fetch(`${gateway.metricsUrl}/metrics`)).text()
    const hasAll = (text: string) => counted.every((name) => text.includes(`_http_${name} 1\n`))
    await until(async () => hasAll(await all()))
    // Counted once.
    assert.doesNotMatch(await all(), /_http_refused_total\{status="408"\}/)
  })

  await t.test('label sets in which nothing is counted are forgotten', async () => {
    await until(async () => !/route="counted"/.test(await metrics()))
  })

  await t.test('what loggers have leaves before the gateway does', async () => {
    const receiver = await startReceiver(t)
    await route('last', { 'http-logger': { uri: receiver.url } })
    for (let i = 0; i < 5; i++) await call(`/last/?n=${i}`)
    await gateway.stop()
    const entries = receiver.batches.flatMap(({ body }) => JSON.parse(body))
    assert.equal(entries.length, 5)
    assert.equal(linesOf(accessLog).filter((line) => line.startsWith('GET /last/')).length, 5)
  })
})
