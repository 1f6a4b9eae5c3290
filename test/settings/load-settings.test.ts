import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { loadControlSettings } from '../../src/settings/control-settings.ts'
import { type GatewaySettings, loadGatewaySettings } from '../../src/settings/gateway-settings.ts'
import { SettingsError, unknownSettingNames } from '../../src/settings/load-settings.ts'
import { loadQuickstartSettings } from '../../src/settings/quickstart-settings.ts'

/** Keeps a file of the machine that runs the tests out of them. */
const NO_FILE = { HOLDFAST_ENV_FILE: '/dev/null' }
const DATABASE = { ...NO_FILE, HOLDFAST_DATABASE_URL: 'postgres://u:hunter2@h1:5432,h2/db' }

function load(env: Record<string, string>): GatewaySettings {
  return loadGatewaySettings({ env: { ...DATABASE, ...env } })
}

function problemsOf(run: () => unknown): readonly string[] {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof SettingsError, `${error}`)
    assert.equal(error.code, 'GW_SETTINGS_INVALID')
    return error.problems
  }
  throw new Error('accepted')
}

function writeEnvFile(t: TestContext, text: string | Buffer): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-settings-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'test.env')
  writeFileSync(path, text)
  return path
}

suite('settings', () => {
  test('have defaults', () => {
    const settings = load({})
    assert.deepEqual(settings.httpListen, [{ host: '0.0.0.0', port: 9080 }])
    assert.deepEqual(settings.statusListen, { host: '127.0.0.1', port: 7085 })
    assert.deepEqual(settings.metricsListen, { host: '127.0.0.1', port: 9091 })
    assert.equal(settings.dataDir, resolve('.holdfast'))
    assert.equal(settings.configProvider, 'postgres')
    assert.equal(settings.http.maxBodyBytes, 0)
    assert.equal(settings.http.underscoresInHeaders, 'reject')
    assert.deepEqual(settings.trustedProxies, [])
    assert.ok(settings.workers >= 1)
  })

  const accepted: {
    name: string
    text: string
    at: (s: GatewaySettings) => unknown
    is: unknown
  }[] = [
    { name: 'HTTP_LISTEN', text: ':80', at: (s) => s.httpListen, is: [{ host: '::', port: 80 }] },
    {
      name: 'HTTP_LISTEN',
      text: '[::1]:9080, 127.0.0.1:9080,localhost:0,x:0',
      at: (s) => s.httpListen,
      is: [
        { host: '::1', port: 9080 },
        { host: '127.0.0.1', port: 9080 },
        { host: 'localhost', port: 0 },
        { host: 'x', port: 0 },
      ],
    },
    {
      name: 'TRUSTED_PROXIES',
      text: '10.0.0.0/8, ::1,1.2.3.4',
      at: (s) => s.trustedProxies,
      is: ['10.0.0.0/8', '::1/128', '1.2.3.4/32'],
    },
    { name: 'WORKERS', text: '3', at: (s) => s.workers, is: 3 },
    { name: 'HTTP_MAX_BODY_BYTES', text: '1048576', at: (s) => s.http.maxBodyBytes, is: 1048576 },
    { name: 'GATEWAY_GROUP', text: 'eu-1.b_2', at: (s) => s.gatewayGroup, is: 'eu-1.b_2' },
    { name: 'DATA_DIR', text: '/x/../y', at: (s) => s.dataDir, is: '/y' },
    { name: 'LOG_LEVEL', text: '', at: (s) => s.logLevel, is: 'info' },
  ]
  for (const { name, text, at, is } of accepted) {
    test(`take ${name}=${text}`, () => {
      assert.deepEqual(at(load({ [`HOLDFAST_${name}`]: text })), is)
    })
  }

  const refused = [
    {
      name: 'WORKERS',
      texts: ['0', '257', '-1', '1.5', '1e1', '0x2', ' 2', '٣', 'AUTO', '9'.repeat(99)],
    },
    {
      name: 'HTTP_LISTEN',
      texts: ['9080', 'x', '::1:80', '[::1]', '[::g]:80', '1.2.3:80', '1.2.3.400:1'],
    },
    {
      name: 'HTTP_LISTEN',
      texts: ['h:', 'h:65536', 'h:-1', 'h:http', 'h:80,', ',h:80', 'a b:80', '-x:1'],
    },
    { name: 'HTTP_LISTEN', texts: ['h:80,h:80', ':80,127.0.0.1:80', '0.0.0.0:80,1.1.1.1:80'] },
    {
      name: 'STATUS_LISTEN',
      texts: ['127.0.0.1:1,127.0.0.1:2', '127.0.0.1:9080', '127.0.0.1:9091'],
    },
    {
      name: 'TRUSTED_PROXIES',
      texts: ['1.2.3.4/33', '::/129', '1.2.3', '1.1.1.1/', '1.1.1.1,', 'fe80::1%lo'],
    },
    { name: 'TRUSTED_PROXIES', texts: ['::1,::1/128', '1.2.3.4/8/8', '1.2.3.4/-1', 'localhost'] },
    { name: 'LOG_LEVEL', texts: ['INFO', 'verbose'] },
    { name: 'GATEWAY_GROUP', texts: ['a b', 'ü', 'x'.repeat(65)] },
    { name: 'CONFIG_PROVIDER', texts: ['etcd', 'Postgres'] },
    { name: 'HTTP_HEADER_TIMEOUT_MS', texts: ['0', '3600001', '10s'] },
    { name: 'POLL_INTERVAL_MS', texts: ['99', '60001'] },
    { name: 'HTTP_UNDERSCORES_IN_HEADERS', texts: ['yes'] },
  ]
  for (const { name, texts } of refused) {
    for (const text of texts) {
      test(`refuse ${name}=${text.slice(0, 30)} in one line`, () => {
        const problems = problemsOf(() => load({ [`HOLDFAST_${name}`]: text }))
        assert.equal(problems.length, 1)
        assert.match(problems[0] ?? '', /^HOLDFAST_\w+.*: .+; allowed: .+$/)
        assert.ok((problems[0] ?? '').length < 300)
      })
    }
  }

  test('name every problem at once', () => {
    const env = { HOLDFAST_WORKERS: '0', HOLDFAST_LOG_LEVEL: 'loud', HOLDFAST_HTTP_LISTEN: 'x' }
    const names = problemsOf(() => loadGatewaySettings({ env: { ...NO_FILE, ...env } })).map(
      (line) => line.split(/\W/)[0],
    )
    assert.deepEqual(names.sort(), ['HOLDFAST_DATABASE_URL', ...Object.keys(env)].sort())
  })

  test('required ones that are empty are not set', () => {
    const env = { ...DATABASE, HOLDFAST_ADMIN_KEY: '' }
    const problems = problemsOf(() => loadControlSettings({ env }))
    assert.match(problems[0] ?? '', /^HOLDFAST_ADMIN_KEY is not set; allowed: /)
  })

  test('ages of instances are in order', () => {
    const env = {
      ...DATABASE,
      HOLDFAST_ADMIN_KEY: 'k'.repeat(32),
      HOLDFAST_INSTANCE_LOST_AFTER_MS: '20000',
      HOLDFAST_INSTANCE_OFFLINE_AFTER_MS: '20000',
    }
    const problems = problemsOf(() => loadControlSettings({ env }))
    assert.deepEqual(problems, [
      'HOLDFAST_INSTANCE_OFFLINE_AFTER_MS is 20000; allowed: more than HOLDFAST_INSTANCE_LOST_AFTER_MS (20000)',
    ])
  })

  const badUrls = [
    'hunter2',
    'http://u:hunter2@h/db',
    'postgres://u:hunter2@/db',
    'postgres://u:hunter2@h:99999/db',
    'postgres://u:hunter2@h:/db',
    'postgres://u:hunter2@h,/db',
    'postgres://u:hunter2@h/db?target_session_attrs=rw',
    'postgres://u:hunter2%@h/db',
    'postgres://u:hunter2 @h/db',
    'postgres://u:#hunter2@h/db',
    'postgres://u:hunter2@[::g]/db',
  ]
  for (const url of badUrls) {
    test(`refuse ${url} without showing it`, () => {
      const problems = problemsOf(() => load({ HOLDFAST_DATABASE_URL: url }))
      assert.equal(problems.length, 1)
      assert.match(problems[0] ?? '', /^HOLDFAST_DATABASE_URL: .*; allowed: postgres:/)
      assert.doesNotMatch(problems[0] ?? '', /hunt/)
    })
  }

  test('a bad admin key is not shown', () => {
    const problems = problemsOf(() =>
      loadControlSettings({ env: { ...DATABASE, HOLDFAST_ADMIN_KEY: 'hunter2\n' } }),
    )
    assert.equal(problems.length, 1)
    assert.doesNotMatch(problems[0] ?? '', /hunter2/)
  })

  test('a value cannot break the line', () => {
    const problems = problemsOf(() =>
      load({ HOLDFAST_WORKERS: `2\n\u001b[31m${'x'.repeat(9999)}` }),
    )
    assert.doesNotMatch(problems[0] ?? '', /\p{Cc}/u)
    assert.ok((problems[0] ?? '').length < 300)
  })

  test('the provider file needs a file and no database', () => {
    const env = { ...NO_FILE, HOLDFAST_CONFIG_PROVIDER: 'file' }
    const problems = problemsOf(() => loadGatewaySettings({ env }))
    assert.deepEqual(problems, ['HOLDFAST_CONFIG_FILE is not set; allowed: a file'])
    const settings = loadGatewaySettings({ env: { ...env, HOLDFAST_CONFIG_FILE: '/x.json' } })
    assert.equal(settings.configFile, '/x.json')
    assert.equal(settings.databaseUrl, undefined)
  })

  test('quickstart needs neither a database nor a key', () => {
    const settings = loadQuickstartSettings({ env: NO_FILE })
    assert.equal(settings.databaseUrl, undefined)
    assert.equal(settings.adminKey, undefined)
  })

  test('unknown names in the process environment are found, not refused', () => {
    const env = {
      HOLDFAST_PORT: 'tcp://10.0.0.1:80',
      HOME: '/',
      ...DATABASE,
    }
    assert.deepEqual(unknownSettingNames(env), ['HOLDFAST_PORT'])
  })
})

suite('settings file', () => {
  test('is overridden by the process environment, not by an empty value in it', (t) => {
    const envFile = writeEnvFile(t, 'HOLDFAST_WORKERS=2\nHOLDFAST_GATEWAY_GROUP=from-file\n')
    const env = { ...DATABASE, HOLDFAST_WORKERS: '3', HOLDFAST_GATEWAY_GROUP: '' }
    const settings = loadGatewaySettings({ envFile, env })
    assert.equal(settings.workers, 3)
    assert.equal(settings.gatewayGroup, 'from-file')
    assert.equal(settings.envFile, envFile)
  })

  test('is named by HOLDFAST_ENV_FILE, or by the flag, which wins', (t) => {
    const [a, b] = [writeEnvFile(t, 'HOLDFAST_WORKERS=2'), writeEnvFile(t, 'HOLDFAST_WORKERS=3')]
    const env = { HOLDFAST_DATABASE_URL: 'postgres://h/db', HOLDFAST_ENV_FILE: a }
    assert.equal(loadGatewaySettings({ env }).workers, 2)
    assert.equal(loadGatewaySettings({ env, envFile: b }).workers, 3)
  })

  test('may hold settings of other roles', (t) => {
    const envFile = writeEnvFile(t, 'HOLDFAST_ADMIN_KEY=k\nHOLDFAST_ADMIN_LISTEN=127.0.0.1:1')
    assert.ok(loadGatewaySettings({ envFile, env: DATABASE }))
  })

  const refused = [
    {
      name: 'a bad value, with its line',
      text: '#\nHOLDFAST_WORKERS=many',
      problem: /^HOLDFAST_WORKERS="many" \(.*test\.env line 2\): not an integer; allowed: auto/,
    },
    {
      name: 'an unknown name, with a guess',
      text: 'HOLDFAST_WORKER=2',
      problem:
        /^HOLDFAST_WORKER \(.*line 1\): unknown name, perhaps HOLDFAST_WORKERS is meant; all/,
    },
    {
      name: 'a name that is not ours',
      text: 'PATH=secret',
      problem: /^PATH \(.*unknown name; allo/,
    },
    { name: 'a name of Object', text: 'constructor=1', problem: /^constructor .*unknown name/ },
    {
      name: 'its own name',
      text: 'HOLDFAST_ENV_FILE=x',
      problem: /only in the process environment/,
    },
    { name: 'a syntax error', text: 'secret', problem: /test\.env line 1: is not NAME=VALUE/ },
    { name: 'other encodings', text: Buffer.from([0x41, 0x3d, 0xff]), problem: /not UTF-8/ },
  ]
  for (const { name, text, problem } of refused) {
    test(`refuses ${name}`, (t) => {
      const envFile = writeEnvFile(t, text)
      const problems = problemsOf(() => loadGatewaySettings({ envFile, env: DATABASE }))
      assert.equal(problems.length, 1)
      assert.match(problems[0] ?? '', problem)
      assert.doesNotMatch(problems[0] ?? '', /secret/)
    })
  }

  test('that does not exist is a problem', () => {
    const problems = problemsOf(() =>
      loadGatewaySettings({ envFile: '/no/such.env', env: DATABASE }),
    )
    assert.match(problems[0] ?? '', /cannot read the settings file \/no\/such\.env: ENOENT/)
  })
})
