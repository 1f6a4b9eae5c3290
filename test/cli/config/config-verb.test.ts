import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { isConfigWord, parseConfigFlags } from '../../../src/cli/config/config-flags.ts'
import { Progress } from '../../../src/cli/config/progress.ts'
import { UsageError } from '../../../src/cli/verb-flags.ts'

suite('flags of holdfast config', () => {
  test('select by kinds and labels, several of each', () => {
    const args = [
      'a.yaml',
      '--kinds',
      'routes,upstreams',
      '--kinds',
      'ssls',
      '-l',
      'a=b=c',
      '-l',
      'd',
    ]
    const { paths, selection, prune } = parseConfigFlags('sync', args, '')
    assert.deepEqual(paths, ['a.yaml'])
    assert.deepEqual(selection.kinds, ['routes', 'upstreams', 'ssls'])
    assert.equal(prune, true)
    const has = (labels: object) => selection.has({ kind: 'routes', body: { labels } })
    assert.equal(has({ a: 'b=c', d: 'x' }), true)
    assert.equal(has({ a: 'b=c' }), false)
    assert.equal(has({ a: 'b', d: 'x' }), false)
    assert.equal(selection.has({ kind: 'services', body: { labels: { a: 'b=c', d: '' } } }), false)
  })

  const wrong: { args: string[]; says: RegExp }[] = [
    { args: ['sync'], says: /no file or folder is named/ },
    { args: ['diff', 'f', '--dry-run'], says: /Unknown option '--dry-run'/ },
    { args: ['dump', 'f'], says: /Unexpected argument 'f'/ },
    { args: ['dump', '-o', 'a', '--split', 'b'], says: /exclude each other/ },
    { args: ['dump', '--format', 'xml'], says: /--format: one of yaml, json/ },
    { args: ['validate', 'f', '--kinds', 'route'], says: /there is no kind "route"/ },
    { args: ['sync', 'f', '--label', '=x'], says: /--label: NAME/ },
    { args: ['sync', 'f', '--admin-url', 'localhost:9180'], says: /--admin-url: http/ },
    { args: ['sync', 'f', '--group', 'a b'], says: /--group: / },
    { args: ['sync', 'f', '--wait', '0'], says: /--wait: seconds/ },
  ]
  for (const { args, says } of wrong) {
    test(`"${args.join(' ')}" is refused`, () => {
      const [word = '', ...rest] = args
      assert.ok(isConfigWord(word))
      assert.throws(
        () => parseConfigFlags(word, rest, 'usage'),
        (error) => error instanceof UsageError && says.test(error.message),
      )
    })
  }
})

suite('progress', () => {
  /** What is written when 100 steps of `stepMs` each are reported. */
  function write(isTTY: boolean, stepMs: number): string[] {
    let now = 0
    const written: string[] = []
    const stream = { isTTY, write: (text: string) => written.push(text) > 0 }
    const progress = new Progress(stream, () => now)
    progress.begin('checking')
    for (let n = 1; n <= 100; n++) {
      now += stepMs
      void progress.advance(n, 100)
    }
    progress.end()
    return written
  }

  test('is a bar on a terminal, and leaves no trace', () => {
    const written = write(true, 50)
    assert.equal(written[0], `\r\x1b[2Kchecking [${'#'.repeat(4)}${'.'.repeat(24)}] 14 %`)
    assert.equal(written.at(-1), '\r\x1b[2K')
    assert.ok(written.length < 60)
  })

  test('is a line now and then elsewhere', () => {
    assert.deepEqual(write(false, 120), ['checking: 42 %\n', 'checking: 84 %\n'])
  })

  test('is not shown for what is over at once', () => {
    for (const isTTY of [true, false]) assert.deepEqual(write(isTTY, 5), [])
  })
})
