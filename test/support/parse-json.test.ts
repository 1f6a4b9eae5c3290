import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { encodeJsonInSlices } from '../../src/support/encode-json.ts'
import { parseJsonInSlices } from '../../src/support/parse-json.ts'

const MAX_ITEM = 1024 * 1024
/** Makes a document large enough for slices, whatever else is in it. */
const filler = `"filler":[${Array(400)
  .fill(`"${'x'.repeat(1000)}"`)
  .join(',')}]`
const fillerItems = JSON.parse(`{${filler}}`).filler

async function parse(text: string | Buffer): Promise<unknown> {
  const parsed = await parseJsonInSlices(Buffer.from(text), MAX_ITEM)
  return parsed.ok ? parsed.json : parsed.reason
}

suite('json in slices', () => {
  const fields = [
    '"a":[]',
    '"a":[1]',
    '"a":[ 1 , -2.5e+3 ,true,null , "x" ]',
    '"a":[{"b":[1,{"c":"]}"}]},{"d":"\\\\"},{"e":"\\""},"\\\\\\""]',
    '"a":{"b":[1,2]} , "c" : 7',
    '"a":"{[,\\"]}"',
    '"a":["ä €","\\u20ac"]',
    '"__proto__":[1]',
    '"a":1,"a":[2]',
    '"\\u0061":[0]',
    '"a":[[],[[1],[]],{}]',
  ]
  for (const field of fields) {
    test(`{${field}} is what JSON.parse says`, async () => {
      for (const text of [`{${filler},${field}}`, ` {${field} ,${filler}\n}\t`]) {
        assert.deepEqual(await parse(text), JSON.parse(text))
      }
    })
  }

  const faults = [
    `{${filler}`,
    `{${filler}}x`,
    `{${filler},}`,
    `{${filler},"a"}`,
    `{${filler},"a":}`,
    `{${filler},"a":[1,]}`,
    `{${filler},"a":[1 2]}`,
    `{${filler},"a":[1}`,
    `{${filler},"a":[{"b":1]]}`,
    `{${filler},"a":[,1]}`,
    `{${filler},"a":[nul]}`,
    `{${filler},"a":[1"x"]}`,
    `{${filler},"a":["x"1]}`,
    `{${filler},"a":[{}{}]}`,
    `{${filler},a:1}`,
    `{${filler},"a":[01]}`,
    `{${filler},"a":["\\x"]}`,
    `{${filler},"a":["`,
    `{${filler},"a":['x']}`,
    `{${filler} "a":1}`,
    `{${filler},"a":!}`,
    `{${filler},"a":[!]}`,
    `${'['.repeat(300_000)}`,
  ]
  for (const text of faults) {
    test(`…${text.slice(-12)} is refused`, async () => {
      assert.throws(() => JSON.parse(text))
      assert.match(String(await parse(text)), /^not valid JSON/)
    })
  }

  test('bytes that are no UTF-8 are refused', async () => {
    const bytes = Buffer.concat([
      Buffer.from(`{${filler},"a":["`),
      Buffer.of(0xff),
      Buffer.from('"]}'),
    ])
    assert.equal(await parse(bytes), 'not valid UTF-8')
  })

  test('an item that is too large is refused, before it is parsed', async () => {
    const text = `{"a":[1,${JSON.stringify({ b: Array(MAX_ITEM / 2).fill(1) })}]}`
    assert.match(
      String(await parse(text)),
      /^the item at position 8 is greater than the maximum size 1048576/,
    )
  })

  test('other work goes on beside a large document', async () => {
    const text = Buffer.from(
      JSON.stringify({
        list: Array.from({ length: 60_000 }, (_, id) => ({ id, filler: 'x'.repeat(150) })),
      }),
    )
    let turns = 0
    const timer = setInterval(() => (turns += 1), 1)
    const parsed = await parseJsonInSlices(text, MAX_ITEM)
    clearInterval(timer)
    assert.ok(parsed.ok)
    assert.equal((parsed.json as { list: unknown[] }).list.length, 60_000)
    assert.ok(turns > 2, `${turns} turns`)
  })
})

suite('encoded json in slices', () => {
  const values = [
    {},
    { a: [] },
    { a: [1, 'x', null, { b: [2] }], c: { d: [] }, e: undefined, f: 'g' },
    { a: [undefined] },
    { filler: fillerItems, a: 'ä' },
  ]
  for (const value of values) {
    test(`of ${JSON.stringify(value).slice(0, 40)} is what JSON.stringify says`, async () => {
      const pieces: Buffer[] = []
      for await (const piece of encodeJsonInSlices(value)) pieces.push(piece)
      assert.equal(Buffer.concat(pieces).toString(), JSON.stringify(value))
    })
  }
})
