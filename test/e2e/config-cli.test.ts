import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { before, suite, type TestContext, test } from 'node:test'
import { createTestDatabase } from '../helpers/postgres.ts'
import { type Outcome, runHoldfast } from '../helpers/process.ts'
import {
  type ControlPlane,
  startControl,
  startGateway,
  temporaryFolder,
  until,
} from '../helpers/stack.ts'
import { suiteContext } from '../helpers/suite-context.ts'
import { startNode } from '../helpers/upstream-node.ts'
import { certificateFor } from '../model/schemas/certificates.ts'

const ADMIN_KEY = 'test-admin-key-0123456789abcdef'

/** Runs `holdfast config <args>` to its end. */
function config(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  return runHoldfast(['config', ...args], { HOLDFAST_ADMIN_KEY: ADMIN_KEY, ...env })
}

/** A folder with these files, gone with the test. */
async function folderOf(t: TestContext, files: Record<string, string>): Promise<string> {
  const folder = await temporaryFolder(t)
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  return folder
}

const UPSTREAMS = `upstreams:
  - id: u
    nodes: { "127.0.0.1:1980": 1 }
    labels: { team: a }
#END
`
const ROUTES = JSON.stringify({
  routes: [
    { id: 1, uri: '/one', upstream_id: 'u', labels: { team: 'a' } },
    { id: 'two', uri: '/two', upstream_id: 'u', labels: { team: 'b' } },
  ],
  consumers: [{ username: 'jack' }, { id: 'jack/credentials/c', desc: 'first' }],
})

// Each test has a gateway group of its own.
suite('holdfast config, with a control plane', { concurrency: 3 }, () => {
  let control: ControlPlane
  const context = suiteContext()

  before(async () => {
    const { url } = await createTestDatabase(context)
    control = await startControl(context, url)
  })

  const admin = (...args: string[]) => config([...args, '--admin-url', control.url])
  const inGroup = (group: string) => {
    return (...args: string[]) => admin(...args, '--group', group)
  }
  const revisionOf = async (group: string) => {
    const url = `${control.url}/holdfast/v1/config?gateway_group_id=${group}`
    const response = await fetch(url, { headers: { 'x-api-key': ADMIN_KEY } })
    return ((await response.json()) as { _meta: { revision: number } })._meta.revision
  }

  test('sync makes it equal to the files in one revision, and a second one changes nothing', async (t) => {
    const run = inGroup('equal')
    const folder = await folderOf(t, { 'a.yaml': UPSTREAMS, 'more/b.json': ROUTES })
    const differs = await run('diff', folder)
    assert.equal(differs.code, 1, differs.stderr)
    const first = await run('sync', folder)
    assert.equal(first.code, 0, first.stderr)
    assert.match(first.stdout, /^5 to create, 0 to update, 0 to delete, 0 the same\n/)
    assert.match(first.stdout, /5 changes made, revision 1\n$/)
    assert.equal(await revisionOf('equal'), 1)

    const second = await run('sync', folder)
    const same = '0 to create, 0 to update, 0 to delete, 5 the same\n'
    assert.deepEqual(second, { code: 0, stdout: same, stderr: '' })
    assert.deepEqual(await run('diff', folder), { code: 0, stdout: same, stderr: '' })
    assert.equal(await revisionOf('equal'), 1)
  })

  test('diff shows what differs, dry runs write nothing, deletions come first', async (t) => {
    const run = inGroup('changes')
    const folder = await folderOf(t, { 'a.yaml': UPSTREAMS, 'b.json': ROUTES })
    assert.equal((await run('sync', folder)).code, 0)
    await writeFile(
      join(folder, 'b.json'),
      '{"routes": [\n{ "id": 1, "uri": "/uno", "upstream_id": "u" },\n{ "id": 3, "uri": "/3", "upstream_id": "u" }]}',
    )
    const expected = [
      /^- credentials\/jack\/credentials\/c$/m,
      /^- consumers\/jack$/m,
      /^- routes\/two$/m,
      /^\+ routes\/3 .*b\.json:3$/m,
      /^~ routes\/1 .*b\.json:2$/m,
      /^ {2}- uri: \/one$/m,
      /^ {2}\+ uri: \/uno$/m,
      /^1 to create, 1 to update, 3 to delete, 1 the same$/m,
    ]
    const [diff, dry] = await Promise.all([run('diff', folder), run('sync', folder, '--dry-run')])
    assert.equal(diff.code, 1)
    for (const { stdout } of [diff, dry]) {
      for (const pattern of expected) assert.match(stdout, pattern)
    }
    assert.match(dry.stdout, /accepted: 5 changes, none made \(--dry-run\)\n$/)
    assert.equal(await revisionOf('changes'), 1)
    const kept = await run('diff', folder, '--no-prune')
    assert.match(kept.stdout, /0 to delete, 1 the same, 3 not in the files, kept$/m)

    const sync = await run('sync', folder)
    assert.equal(sync.code, 0, sync.stderr)
    const heads = sync.stdout.split('\n').map((line) => line[0])
    assert.equal(heads.join(''), '1---~+5')
    assert.equal(await revisionOf('changes'), 2)
  })

  test('colours are for terminals, and for whom asks', async (t) => {
    const folder = await folderOf(t, { 'a.yaml': UPSTREAMS })
    const args = ['diff', folder, '--admin-url', control.url, '--group', 'colours']
    const [plain, forced] = await Promise.all([config(args), config(args, { FORCE_COLOR: '1' })])
    assert.ok(!plain.stdout.includes('\u001b'))
    assert.ok(forced.stdout.includes('\u001b[32m+ upstreams/u\u001b[39m'), forced.stdout)
  })

  test('a selection leaves everything else alone', async (t) => {
    const run = inGroup('selected')
    const folder = await folderOf(t, { 'a.yaml': UPSTREAMS, 'b.json': ROUTES })
    assert.equal((await run('sync', folder)).code, 0)
    const routes = await folderOf(t, {
      'r.json':
        '{"routes": [{ "id": 9, "uri": "/9", "upstream_id": "u", "labels": {"team": "a"}}]}',
    })
    const byLabel = await run('sync', routes, '--label', 'team=a', '--kinds', 'routes')
    assert.equal(byLabel.code, 0, byLabel.stderr)
    assert.match(
      byLabel.stdout,
      /^1 to create, 0 to update, 1 to delete, 0 the same\n- routes\/1\n/,
    )
    const rest = await run('dump', '--kinds', 'routes', '--format', 'json')
    const ids = JSON.parse(rest.stdout).routes.map(({ id }: { id: string }) => id)
    assert.deepEqual(ids, ['9', 'two'])
  })

  test('what only the control plane can refuse is said with its line', async (t) => {
    const folder = await folderOf(t, {
      'r.yaml': 'routes:\n  - id: r\n    uri: /\n    upstream_id: u\n',
    })
    const { code, stderr } = await inGroup('refused')('sync', folder, '--kinds', 'routes')
    assert.equal(code, 65)
    assert.match(
      stderr,
      /r\.yaml:2:5: error: routes\/r: failed to fetch upstream info by upstream id \[u\]/,
    )
    assert.match(stderr, /nothing was done/)
  })

  test('empty files delete nothing unless told', async (t) => {
    const run = inGroup('emptied')
    const folder = await folderOf(t, { 'a.yaml': UPSTREAMS })
    assert.equal((await run('sync', folder)).code, 0)
    await writeFile(join(folder, 'a.yaml'), '# nothing\n')
    const refused = await run('sync', folder)
    assert.equal(refused.code, 65)
    assert.match(refused.stdout, /^0 to create, 0 to update, 1 to delete, 0 the same\n/)
    assert.match(refused.stderr, /all 1 on the control plane would be deleted/)
    assert.equal((await run('sync', folder, '--allow-empty')).code, 0)
    assert.equal((await run('dump')).stdout, '#END\n')
  })

  test('a dump can be checked, compared and put back, in one file or many', async (t) => {
    const run = inGroup('dumped')
    const folder = await folderOf(t, { 'a.yaml': UPSTREAMS, 'b.json': ROUTES })
    assert.equal((await run('sync', folder)).code, 0)
    const out = await temporaryFolder(t)
    const one = join(out, 'all.yaml')
    const many = join(out, 'many')
    await mkdir(join(many, 'routes'), { recursive: true })
    await writeFile(join(many, 'routes', 'gone.yaml'), 'routes: []')
    assert.equal((await run('dump', '-o', one)).code, 0)
    assert.equal((await run('dump', '--split', many)).code, 0)
    assert.equal((await stat(one)).mode & 0o777, 0o600)
    assert.deepEqual(await readdir(join(many, 'routes')), ['1.yaml', 'two.yaml'])
    const text = await readFile(one, 'utf8')
    assert.match(text, /^routes:\n {2}- id: "1"\n {4}labels:/)
    assert.doesNotMatch(text, /_time/)
    for (const path of [one, many]) {
      assert.deepEqual(await config(['validate', path]), {
        code: 0,
        stdout: 'valid: 5 objects\n',
        stderr: '',
      })
      assert.equal((await run('diff', path)).code, 0)
    }
  })

  test('a wrong key, nobody there and no file are told apart', async (t) => {
    const folder = await folderOf(t, { 'a.yaml': UPSTREAMS })
    const wrongKey = await config(['diff', folder, '--admin-url', control.url], {
      HOLDFAST_ADMIN_KEY: 'x',
    })
    assert.equal(wrongKey.code, 78)
    assert.match(wrongKey.stderr, /refuses the key: look at HOLDFAST_ADMIN_KEY/)
    const nobody = await config(['diff', folder], { HOLDFAST_ADMIN_LISTEN: '127.0.0.1:1' })
    assert.equal(nobody.code, 69)
    assert.match(nobody.stderr, /^no control plane at http:\/\/127\.0\.0\.1:1: /)
    const noFile = await config(['validate', '/no/such/file.yaml'])
    assert.equal(noFile.code, 69)
    assert.match(noFile.stderr, /ENOENT/)
  })
})

suite('holdfast config, when a database was wiped', () => {
  test('loads the backup of a gateway into an empty database, secrets included', async (t) => {
    const keyring = { HOLDFAST_KEYRING: `k1:${randomBytes(32).toString('base64')}` }
    const [full, empty] = await Promise.all([createTestDatabase(t), createTestDatabase(t)])
    const node = await startNode(t)
    const control = await startControl(t, full.url, keyring)
    const gateway = await startGateway(t, { databaseUrl: full.url, env: keyring, workers: 1 })
    const certificate = certificateFor('backup.test')
    const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
    await control.admin('PUT', '/ssls/s', { ...certificate, sni: 'backup.test' })
    await control.admin('PUT', '/routes/r', { uri: '/r', upstream })
    await until(async () => (await gateway.sync()).backup.revision === 2)
    await Promise.all([control.stop(), gateway.stop()])

    const folder = join(gateway.dataDir, 'backup-default')
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort()
    const backup = join(folder, names.at(-1) ?? '')
    assert.match(await readFile(backup, 'utf8'), /\$aes256gcm\$k1\$/)
    assert.equal((await config(['validate', backup])).code, 0)

    const stranger = await startControl(t, empty.url)
    const refused = await config(['sync', backup, '--admin-url', stranger.url])
    assert.equal(refused.code, 65)
    assert.match(refused.stderr, /encrypted with key \[k1\], which is not in the keyring/)
    await stranger.stop()

    const heir = await startControl(t, empty.url, keyring)
    const run = (word: string) => config([word, backup, '--admin-url', heir.url])
    const sync = await run('sync')
    assert.equal(sync.code, 0, sync.stderr)
    assert.deepEqual(await run('diff'), {
      code: 0,
      stdout: '0 to create, 0 to update, 0 to delete, 2 the same\n',
      stderr: '',
    })
    const revived = await startGateway(t, { databaseUrl: empty.url, env: keyring, workers: 1 })
    assert.equal((await fetch(`${revived.url}/r`)).status, 200)
    assert.deepEqual((await revived.sync()).quarantined, [])
  })
})

suite('holdfast config, when others write too', () => {
  test('looks again, and gives up with a code of its own', async (t) => {
    let [writes, conflicts] = [0, 1]
    const server = createServer((request, response) => {
      const url = request.url ?? ''
      if (url.startsWith('/holdfast/v1/config')) {
        const _meta = { format: 1, group: 'default', epoch: 'e', revision: 10 + writes, digest: '' }
        response.end(JSON.stringify({ _meta }))
        return
      }
      request.resume()
      request.on('end', () => {
        writes++
        assert.equal(request.headers['if-match'], `"${9 + writes}"`)
        if (writes <= conflicts) response.writeHead(412).end('{"error_msg":"x"}')
        else
          response.end(
            JSON.stringify({
              revision: 99,
              changed: 1,
              results: [{ index: 0, status: 'created' }],
            }),
          )
      })
    })
    t.after(() => server.close())
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const folder = await folderOf(t, { 'a.yaml': UPSTREAMS })
    const second = await config(['sync', folder, '--admin-url', url])
    assert.equal(second.code, 0, second.stderr)
    assert.match(second.stdout, /1 changes made, revision 99/)
    conflicts = 99
    const never = await config(['sync', folder, '--admin-url', url])
    assert.equal(never.code, 75)
    assert.match(never.stderr, /nothing was done in 5 attempts/)
  })
})
