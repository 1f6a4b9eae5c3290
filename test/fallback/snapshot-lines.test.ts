import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { parseLines, snapshotLines } from '../../src/fallback/snapshot-lines.ts'
import type { Snapshot } from '../../src/model/snapshot.ts'

const META = { format: 1, group: 'g', epoch: 'e', revision: 1, digest: '0', generatedAt: 't' }

async function textOf(snapshot: Snapshot): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of snapshotLines(snapshot)) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Any JSON object, as JSON.parse would give it. */
const body = fc
  .dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue())
  .map((value) => JSON.parse(JSON.stringify({ ...value, id: 'x' })))

suite('snapshot lines', () => {
  test('are what JSON.parse reads', async () => {
    const list = fc.array(body, { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(list, list, async (routes, upstreams) => {
        const snapshot = { _meta: META, upstreams, routes } as Snapshot
        const text = await textOf(snapshot)
        const parsed = JSON.parse(text.toString())
        assert.deepEqual(await parseLines(text), parsed)
        assert.deepEqual({ upstreams: [], routes: [], ...parsed }, snapshot)
      }),
      { numRuns: 200 },
    )
  })

  for (const text of ['', 'null', '{}', '{\n}\n', '{"_meta": {}}', '{\n"routes": [\n{\n]\n}\n']) {
    test(`${JSON.stringify(text)} is not laid out like that`, async () => {
      assert.equal(await parseLines(Buffer.from(text)), undefined)
    })
  }
})
