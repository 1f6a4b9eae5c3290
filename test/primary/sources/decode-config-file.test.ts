import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ConfigState } from '../../../src/model/config-state.ts'
import { RESOURCE_KINDS } from '../../../src/model/resource-kind.ts'
import { LOAD_ORDER } from '../../../src/model/snapshot.ts'
import { decodeConfigFile } from '../../../src/primary/sources/decode-config-file.ts'
import { decodeSnapshot } from '../../../src/primary/sources/decode-snapshot.ts'

const credential = { id: 'jack/credentials/one', plugins: {} }

/** What a file holds, its text being this. */
async function collectionsOf(text: string, name = 'apisix.json') {
  return (await decodeConfigFile(Buffer.from(text), name)).collections
}

suite('configuration files', () => {
  test('credentials stand among consumers, as APISIX writes them', async () => {
    const yaml = `
consumers:
  - username: jack
  - id: jack/credentials/one
    plugins: {}
    modifiedIndex: 3
#END
`
    assert.deepEqual(await collectionsOf(yaml, 'apisix.yaml'), {
      consumers: [{ username: 'jack' }],
      credentials: [credential],
    })
  })

  test('credentials stand by themselves, as Holdfast writes them', async () => {
    const text = JSON.stringify({ consumers: [{ username: 'jack' }], credentials: [credential] })
    const collections = { consumers: [{ username: 'jack' }], credentials: [credential] }
    assert.deepEqual(await collectionsOf(text), collections)
  })

  test('environment variables are filled in', async () => {
    const environment = { NODE: '10.0.0.1:80', PRIORITY: '7' }
    const yaml = `
routes:
  - id: a
    priority: \${{PRIORITY}}
    desc: "\${{PRIORITY}}"
    upstream: { nodes: { "\${{NODE}}": 1 } }
#END
`
    const routes = [{ id: 'a', priority: 7, desc: '7', upstream: { nodes: { '10.0.0.1:80': 1 } } }]
    const read = await decodeConfigFile(Buffer.from(yaml), 'apisix.yaml', environment)
    assert.deepEqual(read.collections, { routes })

    // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how such files have them
    const variable = '${{PRIORITY}}'
    const json = JSON.stringify({ routes: [{ id: 'a', priority: variable }] })
    const fromJson = await decodeConfigFile(Buffer.from(json), 'apisix.json', environment)
    assert.deepEqual(fromJson.collections, { routes: [{ id: 'a', priority: 7 }] })
    await assert.rejects(
      decodeConfigFile(Buffer.from(yaml), 'apisix.yaml', {}),
      /variable PRIORITY is not set/,
    )

    const snapshot = Buffer.from(json.replace('{', '{"_meta":{},'))
    const asItIs = await decodeConfigFile(snapshot, 'backup.json', environment)
    assert.equal(asItIs.collections.routes?.[0]?.['priority'], variable)
  })

  test('both forms add up, whatever their order', async () => {
    const two = { id: 'jack/credentials/two' }
    const text = JSON.stringify({ credentials: [credential], consumers: [two] })
    assert.deepEqual((await collectionsOf(text)).credentials, [credential, two])
  })

  test('a snapshot with objects of every kind is read back as it was', () => {
    const state = new ConfigState('default', { epoch: 'e', revision: 1 })
    for (const kind of RESOURCE_KINDS) {
      const id = kind === 'credentials' ? credential.id : 'x'
      state.load(kind, kind === 'consumers' ? { username: id } : { id })
    }
    const snapshot = state.toSnapshot(new Date(0))
    const decoded = decodeSnapshot(Buffer.from(JSON.stringify(snapshot)), 'default')
    assert.deepEqual(decoded, snapshot)
    assert.equal(ConfigState.from(decoded).mark.digest, snapshot._meta.digest)
  })

  test('objects of every kind are loaded', () => {
    assert.deepEqual([...LOAD_ORDER].sort(), [...RESOURCE_KINDS].sort())
  })

  const bad: [string, string, RegExp][] = [
    ['a collection that is none', '{"colours": []}', /"colours" is not a collection/],
    ['consumers that are no list', '{"consumers": {"a": 1}}', /consumers is not a list/],
    ['secrets that are no list', '{"secrets": 1}', /secrets is not a list/],
  ]
  for (const [name, text, reason] of bad) {
    test(`${name} is refused`, () => assert.rejects(collectionsOf(text), reason))
  }

  test('what is no object keeps its place to be told of', async () => {
    const { consumers } = await collectionsOf('{"consumers": [null, {"plugins": {}}]}')
    assert.deepEqual(consumers, [
      { id: 'arr_1', not_an_object: true, username: 'arr_1' },
      { plugins: {}, username: 'arr_2' },
    ])
  })
})
