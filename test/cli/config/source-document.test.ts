import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { parseJsonDocument } from '../../../src/cli/config/json-document.ts'
import { walkJson } from '../../../src/cli/config/json-walk.ts'
import type { ParsedText } from '../../../src/cli/config/source-document.ts'
import { parseYamlDocument } from '../../../src/cli/config/yaml-document.ts'

function documentOf(parsed: ParsedText) {
  assert.ok(parsed.ok, JSON.stringify(parsed))
  return parsed.document
}

function problemsOf(parsed: ParsedText): string[] {
  assert.ok(!parsed.ok)
  return parsed.problems.map(({ line, column, message }) => `${line}:${column} ${message}`)
}

const JSON_TEXT = `{
  "routes": [
    { "id": "a" },
    { "id": "b",
      "upstream": { "nodes": { "10.0.0.1:80": 1 } } }
  ],
  "x": "\\"{"
}`

suite('a JSON document', () => {
  const places = [
    { path: [], at: '1:1' },
    { path: ['routes'], at: '2:3' },
    { path: ['routes', 0], at: '3:5' },
    { path: ['routes', 1, 'id'], at: '4:7' },
    { path: ['routes', 1, 'upstream', 'nodes', '10.0.0.1:80'], at: '5:32' },
    { path: ['x'], at: '7:3' },
    {
      path: ['routes', 0, 'upstream', 'nodes'],
      at: '3:5',
      name: 'what is missing is at its parent',
    },
    { path: ['routes', 7, 'id'], at: '2:3', name: 'an item that is not there' },
  ]
  for (const { path, at, name = path.join('.') } of places) {
    test(`locates ${name}`, () => {
      const { line, column } = documentOf(parseJsonDocument(JSON_TEXT)).locate(path)
      assert.equal(`${line}:${column}`, at)
    })
  }

  const broken = [
    { text: '{\n "a": 1\n "b": 2 }', says: '3:2 "," or "}" is expected' },
    { text: '{ "a": tru }', says: '1:8 a value is expected' },
    { text: '{ "a": "x', says: '1:8 a string is not closed, or not valid' },
    { text: '{ "a": [1, 2', says: '1:13 the text ends too early' },
    { text: '{ a: 1 }', says: '1:3 a key in double quotes is expected' },
    { text: '{} {}', says: '1:4 there is more behind the end of the value' },
    { text: '{ "a": 1,\n "a": 2 }', says: '2:2 the key "a" is in line 1 too' },
    {
      text: `${'['.repeat(300)}${']'.repeat(300)}`,
      says: '1:202 it is nested deeper than 200 levels',
    },
  ]
  for (const { text, says } of broken) {
    test(`refuses ${text.slice(0, 30)}`, () => {
      assert.deepEqual(problemsOf(parseJsonDocument(text)), [says])
    })
  }

  test('locates each of many objects without walking the text for each', () => {
    const routes = Array.from({ length: 20_000 }, (_, n) => ({ id: `r${n}`, uri: `/${n}` }))
    const text = JSON.stringify({ routes }, undefined, 1)
    const document = documentOf(parseJsonDocument(text))
    const startedAt = performance.now()
    for (const [n, { id }] of routes.entries()) {
      assert.equal(document.locate(['routes', n, 'id']).line, 4 + 4 * n, id)
    }
    // 30 ms; a walk for each took minutes.
    assert.ok(performance.now() - startedAt < 5_000)
  })

  test('is walked exactly when JSON.parse takes it', () => {
    const walks = (text: string) => {
      try {
        walkJson(text, { enter() {}, open() {} })
        return true
      } catch {
        return false
      }
    }
    const parses = (text: string) => {
      try {
        JSON.parse(text)
        return true
      } catch {
        return false
      }
    }
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 5 }),
        fc.nat(),
        fc.constantFrom('', '"', '}', ',', '\\', ' ', '1', '\n'),
        (text, at, piece) => {
          const place = at % (text.length + 1)
          const changed = text.slice(0, place) + piece + text.slice(place)
          return walks(text) && walks(changed) === parses(changed)
        },
      ),
      { numRuns: 500 },
    )
  })
})

const YAML_TEXT = `# remark
x-up: &up
  nodes: { "10.0.0.1:80": 1 }
routes:
  - id: a
    upstream:
      <<: *up
      retries: 1
  - id: b
    upstream: *up
#END
`

suite('a YAML document', () => {
  const places = [
    { path: ['routes'], at: '4:1' },
    { path: ['routes', 1], at: '9:5' },
    { path: ['routes', 0, 'upstream', 'retries'], at: '8:7' },
    {
      path: ['routes', 0, 'upstream', 'nodes'],
      at: '3:3',
      name: 'what is merged, where it is written',
    },
    { path: ['routes', 1, 'upstream', 'nodes'], at: '3:3', name: 'what an alias stands for' },
    { path: ['routes', 1, 'uri'], at: '9:5', name: 'what is missing at its parent' },
  ]
  for (const { path, at, name = path.join('.') } of places) {
    test(`locates ${name}`, () => {
      const { line, column } = documentOf(parseYamlDocument(YAML_TEXT)).locate(path)
      assert.equal(`${line}:${column}`, at)
    })
  }

  test('says what is wrong and quotes nothing', () => {
    const problems = problemsOf(parseYamlDocument('a: hunter2\na: hunter3\nb: [hunter4\n'))
    assert.match(problems[0] ?? '', /^2:1 it is not valid YAML: the key is there twice$/)
    assert.doesNotMatch(problems.join(), /hunter/)
  })

  test('refuses aliases without end', () => {
    const levels = [...'bcdefghij'].map((name, n) => {
      const last = String.fromCharCode(97 + n)
      return `${name}: &${name} [${Array(9).fill(`*${last}`).join(', ')}]`
    })
    const problems = problemsOf(parseYamlDocument(`a: &a [x]\n${levels.join('\n')}\n`))
    assert.match(problems[0] ?? '', /aliases/)
  })
})
