import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { suite, test } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Modules that are loaded once this one is. */
async function loadedBy(path: string): Promise<string[]> {
  const url = new URL(`../../src/${path}`, import.meta.url)
  const script = `await import(${JSON.stringify(url.href)})
    const { createRequire } = await import('node:module')
    const { cache } = createRequire(import.meta.url)
    console.log(JSON.stringify([...process.moduleLoadList, ...Object.keys(cache)]))
    process.exit(0)`
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script])
  return JSON.parse(stdout)
}

suite('what a process loads at its start', () => {
  // Loaded by an `import` of node:http, anywhere: see src/support/node-http.ts.
  for (const path of ['worker/main.ts', 'primary/main.ts']) {
    test(`${path} loads no undici of Node's own`, async () => {
      const loaded = await loadedBy(path)
      assert.deepEqual(
        loaded.filter((name) => /internal\/deps\/undici/.test(name)),
        [],
      )
    })
  }

  test('a worker loads of undici what it uses', async () => {
    const loaded = await loadedBy('worker/main.ts')
    const parts = loaded.filter((name) => name.includes('/node_modules/undici/'))
    assert.ok(parts.some((name) => name.endsWith('/dispatcher/client.js')))
    assert.deepEqual(
      parts.filter((name) => /\/lib\/(?:web|mock|cache)\//.test(name)),
      [],
    )
  })
})
