import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseEnvFile } from '../../src/settings/env-file.ts'

/** Names and values of a text without problems. */
function valuesOf(text: string): Record<string, string> {
  const { entries, problems } = parseEnvFile(text, 'x.env')
  assert.deepEqual(problems, [])
  return Object.fromEntries([...entries].map(([name, { value }]) => [name, value]))
}

suite('env file', () => {
  const accepted = [
    { name: 'plain', text: 'A=1', value: '1' },
    { name: 'white space around', text: '  A =  1 \t', value: '1' },
    { name: 'export', text: 'export A=1', value: '1' },
    { name: 'CRLF', text: 'A=1\r\n', value: '1' },
    { name: 'byte order mark', text: '\uFEFFA=1', value: '1' },
    { name: 'empty', text: 'A=', value: '' },
    { name: 'comment after white space', text: 'A=1 # one', value: '1' },
    { name: 'nothing but a comment', text: 'A= # none', value: '' },
    { name: 'hash inside a word', text: 'A=p#ss', value: 'p#ss' },
    { name: 'hash at the start of a word', text: 'A=#ss', value: '#ss' },
    { name: 'equals sign in the value', text: 'A=b=c', value: 'b=c' },
    { name: 'spaces inside', text: 'A=b c', value: 'b c' },
    { name: 'single quotes', text: "A='b # \\n \"' # c", value: 'b # \\n "' },
    { name: 'double quotes', text: 'A="b # \\n \\" \\$X \\q" # c', value: 'b # \n " $X \\q' },
    { name: 'empty quotes', text: "A=''", value: '' },
    { name: 'a quote inside a word', text: "A=it's", value: "it's" },
    { name: 'a variable stays as it is', text: 'A=$HOME', value: '$HOME' },
  ]
  for (const { name, text, value } of accepted) {
    test(`reads ${name}`, () => assert.deepEqual(valuesOf(text), { A: value }))
  }

  test('knows the line of each entry', () => {
    const { entries } = parseEnvFile('# c\n\nA=1\r\nB=2\n', 'x.env')
    assert.deepEqual(
      [...entries.values()].map(({ line }) => line),
      [3, 4],
    )
  })

  const refused = [
    { name: 'no assignment', text: '\nsecret', problem: /^x\.env line 2: is not NAME=VALUE/ },
    { name: 'a name with a hyphen', text: 'A-B=secret', problem: /line 1: is not NAME=VALUE/ },
    { name: 'an open quote', text: 'A="secret', problem: /the quote of A is not closed/ },
    {
      name: 'text after a quote',
      text: "A='x'secret",
      problem: /quote of A is not closed, or text/,
    },
    { name: 'a quote without space', text: "A='x'#secret", problem: /or text follows it/ },
    { name: 'a control character', text: 'A=sec\0ret', problem: /control character/ },
    { name: 'a second value', text: 'A=1\nB=2\nA=secret', problem: /line 3: A .* set in line 1/ },
  ]
  for (const { name, text, problem } of refused) {
    test(`refuses ${name} without showing values`, () => {
      const { problems } = parseEnvFile(text, 'x.env')
      assert.equal(problems.length, 1)
      assert.match(problems[0] ?? '', problem)
      assert.doesNotMatch(problems[0] ?? '', /secret/)
    })
  }

  test('goes on after a problem', () => {
    const { entries, problems } = parseEnvFile('bad\nA=1\nworse', 'x.env')
    assert.equal(entries.get('A')?.value, '1')
    assert.equal(problems.length, 2)
  })
})
