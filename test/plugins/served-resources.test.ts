import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { admittedResources, servedResources } from '../../src/plugins/served-resources.ts'

suite('what this version serves', () => {
  const managers = [
    { id: 'aws/1', access_key_id: 'a', secret_access_key: 'b' },
    { id: 'gcp/1', auth_file: '/key.json' },
  ]
  for (const secret of managers) {
    const manager = secret.id.slice(0, 3)
    test(`no secrets of ${manager}: a reference to them would stay a text`, () => {
      for (const validator of [admittedResources, servedResources]) {
        assert.deepEqual(validator.decode('secrets', secret), {
          ok: false,
          reason: `invalid configuration: secret manager ${manager} is not served yet: use vault, or $env://`,
        })
      }
    })
  }

  test('secrets of vault', () => {
    const vault = { id: 'vault/1', uri: 'http://127.0.0.1:8200', prefix: 'kv', token: 't' }
    assert.deepEqual(admittedResources.decode('secrets', vault), { ok: true, value: vault })
  })
})
