import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { runHoldfast } from '../helpers/process.ts'

const DATABASE = { HOLDFAST_DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/db' }

function writeEnvFile(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'test.env')
  writeFileSync(path, text)
  return path
}

/** A status server that says what `answers` says; 404 for the rest. */
async function startStatusServer(t: TestContext, answers: Record<string, [number, unknown]>) {
  const server = createServer((request, response) => {
    const [status, body] = answers[request.url ?? ''] ?? [404, {}]
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  t.after(() => server.close())
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  return { HOLDFAST_STATUS_LISTEN: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

suite('holdfast command line', () => {
  for (const word of ['--help', '-h', 'help']) {
    test(`${word} explains the verbs`, async () => {
      const { code, stdout, stderr } = await runHoldfast([word])
      assert.equal(code, 0)
      assert.equal(stderr, '')
      for (const verb of ['quickstart', 'gateway', 'control', 'status', 'migrate']) {
        assert.match(stdout, new RegExp(`^ {2}${verb} `, 'm'))
      }
    })
  }

  test('--version is that of the package', async () => {
    const path = new URL('../../package.json', import.meta.url)
    const { version } = JSON.parse(readFileSync(path, 'utf8'))
    assert.deepEqual(await runHoldfast(['--version']), {
      code: 0,
      stdout: `holdfast ${version}\n`,
      stderr: '',
    })
  })

  const wrong = [
    { args: [], says: /^holdfast: a verb is missing\n/ },
    { args: ['serve'], says: /^holdfast: there is no verb "serve"\n/ },
    { args: ['constructor'], says: /^holdfast: there is no verb/ },
    { args: ['gateway', '--port', '80'], says: /^holdfast: Unknown option '--port'/ },
    { args: ['gateway', 'now'], says: /^holdfast: Unexpected argument 'now'/ },
    { args: ['gateway', '--env-file'], says: /^holdfast: .*--env-file/ },
  ]
  for (const { args, says } of wrong) {
    test(`"holdfast ${args.join(' ')}" is refused with the usage`, async () => {
      const { code, stdout, stderr } = await runHoldfast(args, DATABASE)
      assert.equal(code, 64)
      assert.equal(stdout, '')
      assert.match(stderr, says)
      assert.match(stderr, /^Usage: holdfast /m)
    })
  }
})

suite('holdfast with bad settings', () => {
  for (const verb of ['gateway', 'control', 'quickstart', 'migrate']) {
    test(`${verb} ends with 78 and one line`, async () => {
      const env = { HOLDFAST_ADMIN_KEY: 'k', ...DATABASE, HOLDFAST_LOG_LEVEL: 'loud' }
      assert.deepEqual(await runHoldfast([verb], env), {
        code: 78,
        stdout: '',
        stderr:
          'holdfast: HOLDFAST_LOG_LEVEL="loud": not one of the words allowed; ' +
          'allowed: fatal, error, warn, info, debug, trace, silent\n',
      })
    })
  }

  test('every problem has its line', async () => {
    const env = { HOLDFAST_WORKERS: 'x', HOLDFAST_HTTP_LISTEN: 'x' }
    const { code, stderr } = await runHoldfast(['gateway'], env)
    assert.equal(code, 78)
    const names = stderr
      .trim()
      .split('\n')
      .map((line) => /^holdfast: (\w+)/.exec(line)?.[1])
    assert.deepEqual(names.sort(), [
      'HOLDFAST_DATABASE_URL',
      'HOLDFAST_HTTP_LISTEN',
      'HOLDFAST_WORKERS',
    ])
  })

  test('an unknown name in the file is refused', async (t) => {
    const path = writeEnvFile(t, 'HOLDFAST_WORKRES=2\n')
    const { code, stderr } = await runHoldfast(['gateway', '--env-file', path], DATABASE)
    assert.equal(code, 78)
    assert.match(stderr, /^holdfast: HOLDFAST_WORKRES \(.*test\.env line 1\): unknown name.*\n$/)
  })

  test('a bad value in the file is refused with its line', async (t) => {
    const path = writeEnvFile(t, "\nHOLDFAST_WORKERS='many' # all\n")
    const { code, stderr } = await runHoldfast(['gateway', '--env-file', path], DATABASE)
    assert.equal(code, 78)
    assert.match(
      stderr,
      /^holdfast: HOLDFAST_WORKERS="many" \(.*test\.env line 2\): not an int.*\n$/,
    )
  })

  test('a file that does not exist is refused', async () => {
    // By variable: node looks for --env-file in all of its command line and ends with 9 itself.
    const env = { ...DATABASE, HOLDFAST_ADMIN_KEY: 'k', HOLDFAST_ENV_FILE: '/no/such.env' }
    const { code, stderr } = await runHoldfast(['control'], env)
    assert.equal(code, 78)
    assert.match(stderr, /^holdfast: cannot read the settings file \/no\/such\.env: ENOENT\n$/)
  })

  test('secrets are not shown', async () => {
    const env = { HOLDFAST_DATABASE_URL: 'pg://u:hunter2@h/db', HOLDFAST_ADMIN_KEY: 'hunter2 ü' }
    const { code, stdout, stderr } = await runHoldfast(['control'], env)
    assert.equal(code, 78)
    assert.equal(stderr.trim().split('\n').length, 2)
    assert.doesNotMatch(stdout + stderr, /hunter2/)
  })
})

suite('holdfast status', () => {
  const sync = {
    version: '9.9.9',
    group: 'eu',
    revision: 42,
    epoch: 'e1',
    digest: 'd1',
    source: { tier: 'postgres', connected: true, since: '2026-01-01T00:00:00Z' },
    listeners: [{ host: '::', port: 9080 }],
    quarantined: [{ kind: 'routes', id: 'r1', reason: 'no uri' }],
    workers: [{ id: 1, pid: 77, revision: 42, inSync: true, connections: 5 }],
    workersWanted: 2,
    workerRestarts: 3,
    backup: { revision: 41, writtenAt: '2026-01-01T00:00:01Z' },
  }

  test('shows a ready gateway and ends with 0', async (t) => {
    const env = await startStatusServer(t, {
      '/status/sync': [200, sync],
      '/status/ready': [200, { status: 'ok' }],
    })
    const { code, stdout } = await runHoldfast(['status'], env)
    assert.equal(code, 0)
    const expected = [
      /^holdfast 9\.9\.9, gateway group eu: ready$/m,
      /revision +42/,
      /postgres, connected since 2026/,
      /\[::\]:9080/,
      /1 of 2 in sync, 3 restarts/,
      /worker 1: pid 77, revision 42, in sync, 5 connections/,
      /quarantined routes\/r1: no uri/,
    ]
    for (const pattern of expected) assert.match(stdout, pattern)
  })

  test('says why a gateway is not ready and ends with 1', async (t) => {
    const env = await startStatusServer(t, {
      '/status/sync': [200, {}],
      '/status/ready': [503, { error: 'no configuration yet' }],
    })
    const { code, stdout } = await runHoldfast(['status'], env)
    assert.equal(code, 1)
    assert.match(stdout, /not ready \(no configuration yet\)/)
  })

  test('--json gives what the gateway gave', async (t) => {
    const env = await startStatusServer(t, {
      '/status/sync': [200, sync],
      '/status/ready': [200, {}],
    })
    const { stdout } = await runHoldfast(['status', '--json'], env)
    assert.deepEqual(JSON.parse(stdout), sync)
  })

  test('ends with 1 and one line when there is nobody', async () => {
    const { code, stderr } = await runHoldfast(['status'], {
      HOLDFAST_STATUS_LISTEN: '127.0.0.1:1',
    })
    assert.equal(code, 1)
    assert.match(
      stderr,
      /^holdfast: no gateway at 127\.0\.0\.1:1 \(HOLDFAST_STATUS_LISTEN\): .*\n$/,
    )
  })

  test('ends with 1 when something else answers', async (t) => {
    const env = await startStatusServer(t, { '/status/sync': [200, '<html>'] })
    const { code, stderr } = await runHoldfast(['status'], env)
    assert.equal(code, 1)
    assert.match(stderr, /the answer is not a JSON object/)
  })
})
