import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { type Gateway, startGateway, temporaryFolder, until } from '../helpers/stack.ts'
import { startNode } from '../helpers/upstream-node.ts'

const HOUSE_PLUGINS = join(import.meta.dirname, '../helpers/house-plugins.js')

interface FileGateway {
  gateway: Gateway
  /** Writes the configuration, in which every route is `/<id>` to one node. */
  configure(plugins: Record<string, object>): Promise<void>
  /** Writes settings into the gateway's file and has it read them. */
  reload(settings: string): Promise<void>
  status(id: string): Promise<number>
}

async function startOnFile(t: TestContext, env: Record<string, string> = {}): Promise<FileGateway> {
  const folder = await temporaryFolder(t)
  const path = join(folder, 'config.json')
  const envFile = join(folder, 'holdfast.env')
  const node = await startNode(t)
  const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
  async function configure(plugins: Record<string, object>): Promise<void> {
    const routes = Object.entries({ bare: {}, ...plugins }).map(([id, own]) => {
      return { id, uri: `/${id}`, upstream, plugins: own }
    })
    await writeFile(path, JSON.stringify({ routes }))
  }
  await configure({})
  await writeFile(envFile, '')
  const gateway = await startGateway(t, {
    databaseUrl: '',
    args: ['--env-file', envFile],
    env: {
      HOLDFAST_CONFIG_PROVIDER: 'file',
      HOLDFAST_CONFIG_FILE: path,
      HOLDFAST_PLUGINS: HOUSE_PLUGINS,
      ...env,
    },
  })
  return {
    gateway,
    configure,
    async reload(settings) {
      await writeFile(envFile, settings)
      const earlier = new Set(gateway.lines)
      gateway.child.kill('SIGHUP')
      await gateway.waitForLog((line) => line.msg === 'gateway reloaded' && !earlier.has(line))
    },
    status: async (id) => (await fetch(`${gateway.url}/${id}`)).status,
  }
}

suite('plugins and settings', () => {
  test('plugins are turned off and on by a reload, without their configuration', async (t) => {
    const { gateway, configure, reload, status } = await startOnFile(t)
    await configure({ closed: { answer: { status: 418 } } })
    await until(async () => (await status('closed')) === 418)
    await reload('HOLDFAST_PLUGINS_ENABLED=trace,faulty\n')
    await until(async () => (await status('closed')) === 200)
    assert.equal(
      (await gateway.waitForLog('plugin is turned off, it runs nowhere'))['plugin'],
      'answer',
    )
    await reload('HOLDFAST_PLUGINS_ENABLED=all\n')
    await until(async () => (await status('closed')) === 418)
  })

  test('a configuration that create refuses is quarantined, the last good one serves', async (t) => {
    const { gateway, configure, status } = await startOnFile(t)
    await configure({ own: { answer: { status: 418 } } })
    await until(async () => (await status('own')) === 418)
    await configure({ own: { faulty: { phase: 'create' } }, other: { answer: { status: 202 } } })
    await until(async () => (await status('other')) === 202)
    assert.equal(await status('own'), 418)
    const { quarantined } = await gateway.sync()
    assert.match(JSON.stringify(quarantined), /this configuration makes no sense/)
  })

  test('references to the environment are resolved; one that is not set is quarantined', async (t) => {
    const { gateway, configure, status } = await startOnFile(t, { SECRET_STATUS: '{"code":"203"}' })
    const reply = (reference: string) => ({ answer: { status: 201, body: reference } })
    await configure({
      one: reply('$env://SECRET_STATUS/code'),
      none: reply('$ENV://NOT_SET_AT_ALL'),
    })
    await until(async () => (await status('one')) === 201)
    assert.equal(await (await fetch(`${gateway.url}/one`)).text(), '203')
    assert.equal(await status('none'), 404)
    const { quarantined } = await gateway.sync()
    assert.match(JSON.stringify(quarantined), /environment variable NOT_SET_AT_ALL is not set/)
  })

  test('a file that holds no plugin keeps the gateway from starting, by name', async (t) => {
    const folder = await temporaryFolder(t)
    const file = join(folder, 'broken.mjs')
    await writeFile(file, 'export default { name: "x", contract: 7 }\n')
    const start = startOnFile(t, { HOLDFAST_PLUGINS: file })
    await assert.rejects(start, /broken\.mjs \[x\] is written for contract 7/)
  })
})
