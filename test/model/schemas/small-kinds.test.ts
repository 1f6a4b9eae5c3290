import { suite } from 'node:test'
import { metadataCases, NODES, testCases } from './cases.ts'

suite('service', () => {
  testCases('services', [
    { name: 'nothing', body: {} },
    { name: 'a name of the longest kind', body: { name: 'n'.repeat(256) } },
    { name: 'hosts and an upstream', body: { hosts: ['a'], upstream: { nodes: NODES } } },
    ...metadataCases({}),
    { name: 'no hosts', body: { hosts: [] }, refused: /"hosts" .* at least 1 items/ },
    {
      name: 'a broken upstream',
      body: { upstream: { type: 'chash', nodes: {} } },
      refused: /"upstr.* missing key/,
    },
    { name: 'a Lua script', body: { script: 'return {}' }, refused: /"script" .* no Lua/ },
    { name: 'a bad reference', body: { upstream_id: 'a/b' }, refused: /"upstream_id"/ },
  ])
})

suite('consumer', () => {
  const valid = { username: 'jack_1-a' }
  testCases('consumers', [
    { name: 'a name', body: valid },
    { name: 'a group', body: { ...valid, group_id: 'g' } },
    ...metadataCases(valid, ['name']),
    { name: 'no username', body: {}, refused: /property "username" is required/ },
    { name: 'an empty username', body: { username: '' }, refused: /"username" .* too short/ },
    { name: 'a long username', body: { username: 'u'.repeat(257) }, refused: /"username" .* 256/ },
    { name: 'a username with a dot', body: { username: 'a.b' }, refused: /"username" .* pattern/ },
    {
      name: 'an unknown plugin',
      body: { ...valid, plugins: { 'no-such': {} } },
      refused: /^invalid plugins configuration: unknown plugin \[no-such\]$/,
    },
  ])
})

suite('consumer group', () => {
  const valid = { id: 'g', plugins: {} }
  testCases('consumer_groups', [
    { name: 'an id and plugins', body: valid },
    ...metadataCases(valid),
    { name: 'no plugins', body: { id: 'g' }, refused: /property "plugins" is required/ },
    { name: 'no id', body: { plugins: {} }, refused: /property "id" is required/ },
  ])
})

suite('plugin config', () => {
  const valid = { id: 'p', plugins: {} }
  testCases('plugin_configs', [
    { name: 'an id and plugins', body: valid },
    { name: 'a name of any length', body: { ...valid, name: '' } },
    ...metadataCases(valid, ['name']),
    { name: 'no plugins', body: { id: 'p' }, refused: /property "plugins" is required/ },
  ])
})

suite('global rule', () => {
  const valid = { id: 1, plugins: {} }
  testCases('global_rules', [
    { name: 'an id and plugins', body: valid },
    ...metadataCases(valid, ['name', 'desc', 'labels']),
    { name: 'a name', body: { ...valid, name: 'n' }, refused: /found name$/ },
    { name: 'no plugins', body: { id: 1 }, refused: /property "plugins" is required/ },
    {
      name: 'an unknown plugin',
      body: { id: 1, plugins: { x: {} } },
      refused: /^unknown plugin \[x\]$/,
    },
  ])
})

suite('plugin metadata', () => {
  testCases('plugin_metadata', [
    {
      name: 'a plugin there is none of',
      body: { id: 'x', script: 1 },
      refused: /^invalid plugin name \[x\]/,
    },
    { name: 'no plugin', body: {}, refused: /"id" is required/ },
  ])
})
