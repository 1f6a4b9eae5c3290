import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { checkConfig } from '../../../src/cli/config/check-config.ts'
import { formatProblem } from '../../../src/cli/config/config-object.ts'
import { readConfig } from '../../../src/cli/config/read-config.ts'
import { pathOfReason } from '../../../src/cli/config/reason-path.ts'
import { createSelection } from '../../../src/cli/config/selection.ts'
import { decodeConfigFile } from '../../../src/primary/sources/decode-config-file.ts'

const ALL = createSelection(undefined, [])

/** A folder with these files. */
async function folderOf(t: TestContext, files: Record<string, string | object>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-config-'))
  t.after(() => rm(folder, { recursive: true }))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true })
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    await writeFile(join(folder, name), text)
  }
  return folder
}

/** Problems of these files, one line each, without the folder. */
async function check(t: TestContext, files: Record<string, string | object>, selection = ALL) {
  const folder = await folderOf(t, files)
  const { objects, problems, notes } = await readConfig([folder])
  const checked = await checkConfig(objects, selection)
  const lines = [...problems, ...checked.problems].map(formatProblem)
  const local = (text: string) => text.replaceAll(`${folder}/`, '')
  return { names: [...checked.objects.keys()], lines: lines.map(local), notes: notes.map(local) }
}

const UPSTREAM = { nodes: { 'a:1': 1 } }

suite('files of configuration', () => {
  test('are merged from folders, whatever wrote them', async (t) => {
    const { names, lines } = await check(t, {
      'apisix.yaml':
        'routes:\n  - id: 1\n    uri: /a\n    upstream_id: u\nroutes_conf_version: 7\n#END\n',
      'more/upstreams.json': { upstreams: [{ id: 'u', ...UPSTREAM, modifiedIndex: 4 }] },
      'more/comment.yml': '# nothing yet\n',
      'more/.hidden.yaml': 'not: [valid',
      'more/readme.txt': 'no configuration',
      'backup.json': {
        _meta: { format: 1, group: 'default', epoch: 'e', revision: 1, digest: '0' },
        consumers: [{ username: 'jack', create_time: 1, update_time: 2 }],
        services: null,
      },
    })
    assert.deepEqual(lines, [])
    assert.deepEqual(names.sort(), ['consumers/jack', 'routes/1', 'upstreams/u'])
  })

  test('are followed through links, as Kubernetes mounts them', async (t) => {
    const folder = await folderOf(t, { '..data/a.yaml': 'upstreams: [{id: u, nodes: {"a:1": 1}}]' })
    await symlink('..data/a.yaml', join(folder, 'a.yaml'))
    const { objects } = await readConfig([folder])
    assert.deepEqual(
      objects.map(({ id }) => id),
      ['u'],
    )
  })

  test('may hold credentials among the consumers, as those of APISIX do', async (t) => {
    const { names, lines } = await check(t, {
      'a.yaml':
        'consumers:\n  - username: jack\n  - id: jack/credentials/one\n    plugins: {}\n  - id: jill/credentials/one\n    plugins: {}\n',
    })
    assert.ok(names.includes('credentials/jack/credentials/one'))
    assert.deepEqual(lines, [
      'a.yaml:5:5: error: credentials/jill/credentials/one: belongs to consumers/jill: it is not in the files',
    ])
  })

  test('may leave out ids, and are told what that means', async (t) => {
    const { names, notes } = await check(t, {
      'a.json': { routes: [{ uri: '/', upstream: UPSTREAM }] },
    })
    assert.deepEqual(names, ['routes/arr_1'])
    assert.match(notes[0] ?? '', /^1 objects have no id and are called arr_1/)
  })

  const refused = [
    {
      name: 'an unknown collection',
      file: 'rotes: []\n',
      says: 'a.yaml:1:1: error: "rotes" is no collection: perhaps "routes" is meant',
    },
    {
      name: 'a collection that is no list',
      file: 'routes:\n  a: 1\n',
      says: 'a.yaml:1:1: error: "routes" is no list',
    },
    {
      name: 'an item that is no object',
      file: 'routes:\n  - /a\n',
      says: 'a.yaml:2:5: error: item 1 of "routes" is no object',
    },
    { name: 'a list', file: '- a\n', says: 'a.yaml:1:1: error: it is no object of collections' },
    {
      name: 'a format to come',
      file: '_meta: { format: 99 }\n',
      says: 'a.yaml:1:10: error: format 99 is not known, at most 1 is',
    },
    {
      name: 'a property deep inside',
      file: 'upstreams:\n  - id: u\n    nodes:\n      - host: a\n        port: 80\n        weight: -1\n',
      says: 'a.yaml:6:9: error: upstreams/u: invalid configuration: property "nodes" validation failed: failed to validate item 1: property "weight" validation failed: expected -1 to be at least 0',
    },
    {
      name: 'a property that does not exist',
      file: 'upstreams:\n  - id: u\n    nodes: {}\n    nodez: {}\n',
      says: 'a.yaml:4:5: error: upstreams/u: invalid configuration: additional properties forbidden, found nodez',
    },
    {
      name: 'a key of two consumers',
      file: 'consumers:\n  - username: ann\n    plugins: {key-auth: {key: k}}\n  - username: bob\n    plugins: {key-auth: {key: k}}\n',
      says: 'a.yaml:5:26: error: consumers/bob: duplicate key of plugin key-auth found with consumer: ann',
    },
    {
      name: 'a plugin that does not exist',
      file: 'consumers:\n  - username: u\n    plugins:\n      no-such-plugin: {}\n',
      says: 'a.yaml:4:7: error: consumers/u: invalid plugins configuration: unknown plugin [no-such-plugin]',
    },
    {
      name: 'a reference that leads nowhere',
      file: 'services:\n  - id: s\n    upstream_id: 7\n',
      says: 'a.yaml:3:5: error: services/s: refers to upstreams/7: it is not in the files',
    },
    {
      name: 'an id that is there twice',
      file: 'upstreams:\n  - id: 1\n    nodes: {}\n  - id: "1"\n    nodes: {}\n',
      says: 'a.yaml:4:5: error: upstreams/1: there is an object of this id in a.yaml:2:5 too',
    },
  ]
  for (const { name, file, says } of refused) {
    test(`are refused for ${name}, with its line`, async (t) => {
      assert.deepEqual((await check(t, { 'a.yaml': file })).lines, [says])
    })
  }

  test('are refused when two of them have an object of one id', async (t) => {
    const route = { routes: [{ id: 'r', uri: '/', upstream: UPSTREAM }] }
    const { lines } = await check(t, { 'a.json': route, 'b.json': route })
    assert.deepEqual(lines, [
      'b.json:1:12: error: routes/r: there is an object of this id in a.json:1:12 too',
    ])
  })

  test('may refer to what is not selected', async (t) => {
    const files = { 'a.json': { routes: [{ id: 'r', uri: '/', upstream_id: 'u' }] } }
    const routesOnly = createSelection(['routes'], [])
    assert.deepEqual((await check(t, files, routesOnly)).lines, [])
    const labelled = createSelection(undefined, [{ name: 'team', value: undefined }])
    assert.deepEqual((await check(t, files, labelled)).lines, [])
    assert.equal((await check(t, files)).lines.length, 1)
  })

  test('that are no UTF-8 are refused', async (t) => {
    const folder = await folderOf(t, {})
    await writeFile(join(folder, 'a.json'), Buffer.from([0x7b, 0xff, 0x7d]))
    const { problems } = await readConfig([folder])
    assert.match(problems.map(formatProblem).join(), /a\.json:1:1: error: it is not UTF-8$/)
  })

  test('have environment variables filled in', async (t) => {
    const route = { id: 'a', uri: '/', upstream: { nodes: { [variable('TEST_NODE')]: 1 } } }
    const folder = await folderOf(t, {
      'a.yaml': `routes:\n  - ${JSON.stringify({ ...route, desc: variable('TEST_NONE:=none') })}\n`,
      'b.json': JSON.stringify({ upstreams: [{ id: 'u', desc: variable('TEST_NODE') }] }),
      'c.json': JSON.stringify({ _meta: {}, services: [{ id: 's', desc: variable('TEST_NODE') }] }),
    })
    process.env['TEST_NODE'] = '10.0.0.1:80'
    t.after(() => delete process.env['TEST_NODE'])
    const { objects, problems } = await readConfig([folder])
    assert.deepEqual(problems, [])
    const descriptions = objects.map(({ body }) => body['desc'])
    assert.deepEqual(descriptions, ['none', '10.0.0.1:80', variable('TEST_NODE')])
    assert.deepEqual(objects[0]?.body['upstream'], { nodes: { '10.0.0.1:80': 1 } })

    delete process.env['TEST_NODE']
    const [first] = (await readConfig([folder])).problems
    assert.match(
      first ? formatProblem(first) : '',
      /a\.yaml:2:\d+: error: the environment variable TEST_NODE is not set$/,
    )
  })

  test('take numbers from variables as a gateway does', async (t) => {
    const upstream = { nodes: { '10.0.0.1:80': variable('TEST_WEIGHT:=5') } }
    const config = { upstreams: [{ id: 'u', ...upstream }] }
    const folder = await folderOf(t, {
      'a.json': JSON.stringify(config),
      'b.yaml': `routes:\n  - id: r\n    uri: /\n    priority: ${variable('TEST_WEIGHT:=5')}\n`,
    })
    const { objects } = await readConfig([folder])
    const served = await decodeConfigFile(Buffer.from(JSON.stringify(config)), 'a.json')
    assert.deepEqual(objects[0]?.body['nodes'], { '10.0.0.1:80': 5 })
    assert.deepEqual(objects[0]?.body['nodes'], served.collections.upstreams?.[0]?.['nodes'])
    assert.equal(objects[1]?.body['priority'], 5)
  })

  test('of an empty folder are a mistake', async (t) => {
    const { lines } = await check(t, {})
    assert.match(lines[0] ?? '', /there is no \.json, \.yaml or \.yml file in this folder$/)
  })
})

suite('the place that a reason speaks of', () => {
  const reasons: { reason: string; path: (string | number)[] }[] = [
    { reason: 'invalid configuration: property "uri" is required', path: [] },
    {
      reason:
        'invalid configuration: property "upstream" validation failed: property "retries" validation failed: expected -1 to be at least 0',
      path: ['upstream', 'retries'],
    },
    {
      reason:
        'failed to check the configuration of plugin limit-count err: property "count" validation failed: wrong type',
      path: ['plugins', 'limit-count', 'count'],
    },
    {
      reason:
        'invalid configuration: property "upstream.checks" asks for what this version does not support yet',
      path: ['upstream', 'checks'],
    },
    {
      reason:
        'property "_meta.pre_function" of plugin [x] is not supported: Holdfast runs no Lua; use another plugin',
      path: ['plugins', 'x', '_meta', 'pre_function'],
    },
    { reason: 'something else entirely', path: [] },
  ]
  for (const { reason, path } of reasons) {
    test(path.join('.') || reason, () => assert.deepEqual(pathOfReason(reason), path))
  }
})

/** As it stands in files. */
function variable(name: string): string {
  return `\${{${name}}}`
}
