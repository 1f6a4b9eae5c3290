import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { loadControlSettings } from '../../src/settings/control-settings.ts'

const BASE = {
  HOLDFAST_ENV_FILE: '/dev/null',
  HOLDFAST_DATABASE_URL: 'postgres://u:p@h/db',
  HOLDFAST_ADMIN_KEY: 'k',
}
const BUCKETS = { RESOURCE_BUCKET: 'resources', CONFIG_BUCKET: 'config' }

function load(given: Record<string, string>) {
  const names = Object.entries(given).map(([name, value]) => [
    `HOLDFAST_FALLBACK_S3_${name}`,
    value,
  ])
  return loadControlSettings({ env: { ...BASE, ...Object.fromEntries(names) } }).fallback
}

suite('settings of the S3 fallback', () => {
  test('are off when none is given', () => {
    assert.equal(load({}), undefined)
    assert.equal(load({ CRON_SPEC: '@every 5m', FORCE_PATH_STYLE: 'true' }), undefined)
  })

  test('need little for an endpoint', () => {
    assert.deepEqual(load({ ENDPOINT: 'http://127.0.0.1:9000', ...BUCKETS }), {
      endpoint: 'http://127.0.0.1:9000',
      region: 'us-east-1',
      credentials: undefined,
      configBucket: 'config',
      resourceBucket: 'resources',
      forcePathStyle: true,
      schedule: { everyMs: 60_000 },
    })
  })

  const styles = [
    { given: { REGION: 'eu-west-1' }, pathStyle: false },
    { given: { REGION: 'eu-west-1', FORCE_PATH_STYLE: 'true' }, pathStyle: true },
    { given: { ENDPOINT: 'https://s3.example.com', FORCE_PATH_STYLE: 'false' }, pathStyle: false },
  ]
  for (const { given, pathStyle } of styles) {
    test(`path style ${pathStyle} for ${Object.keys(given)}`, () => {
      assert.equal(load({ ...given, ...BUCKETS })?.forcePathStyle, pathStyle)
    })
  }

  const refused = [
    { given: { ENDPOINT: 'http://h', RESOURCE_BUCKET: 'abc' }, missing: 'CONFIG_BUCKET' },
    { given: { ENDPOINT: 'http://h', CONFIG_BUCKET: 'abc' }, missing: 'RESOURCE_BUCKET' },
    { given: { REGION: 'r' }, missing: 'RESOURCE_BUCKET' },
    { given: BUCKETS, missing: 'REGION' },
    { given: { ENDPOINT: 'http://h', ...BUCKETS, ACCESS_KEY: 'a' }, missing: 'SECRET_KEY' },
    { given: { ENDPOINT: 'http://h', ...BUCKETS, SECRET_KEY: 'hush' }, missing: 'ACCESS_KEY' },
    { given: { ENDPOINT: 'ftp://h', ...BUCKETS }, missing: 'ENDPOINT' },
    { given: { ENDPOINT: 'http://u:hush@h', ...BUCKETS }, missing: 'ENDPOINT' },
    { given: { ENDPOINT: 'http://h/path', ...BUCKETS }, missing: 'ENDPOINT' },
    { given: { ENDPOINT: 'http://h', ...BUCKETS, CRON_SPEC: 'often' }, missing: 'CRON_SPEC' },
  ]
  for (const { given, missing } of refused) {
    test(`${Object.keys(given)} are refused, naming ${missing}`, () => {
      assert.throws(() => load(given), {
        code: 'GW_SETTINGS_INVALID',
        message: new RegExp(`^HOLDFAST_FALLBACK_S3_${missing}\\b`, 'm'),
      })
    })
  }

  test('secrets are not shown', () => {
    const secret = 'hush hush'
    assert.throws(
      () => load({ ...BUCKETS, SECRET_KEY: secret, ACCESS_KEY: secret }),
      (error: Error) => !error.message.includes('hush'),
    )
  })
})
