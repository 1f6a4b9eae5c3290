// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how such files have them

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { fillInText, fillInValue, findUnset } from '../../src/support/environment-texts.ts'

const environment = { HOST: 'node-1', PORT: '8080', ON: 'true', EMPTY: '' }

suite('environment variables in configuration files', () => {
  const texts: [text: string, filled: string][] = [
    ['${{HOST}}:${{ PORT }}', 'node-1:8080'],
    ['${{NONE:=1.2.3.4}}', '1.2.3.4'],
    ['${{ NONE := a b }}', 'a b'],
    ['${{NONE:=}}${{HOST:=x}}', 'node-1'],
    ['[${{EMPTY:=x}}]', '[]'],
    ['$HOST ${HOST} {{HOST}} $${HOST}', '$HOST ${HOST} {{HOST}} $${HOST}'],
  ]
  for (const [text, filled] of texts) {
    test(text, () => assert.equal(fillInText(text, environment), filled))
  }

  // An object's own members are no variables.
  for (const name of ['NONE', 'constructor']) {
    test(`${name}, which is not set, is an error`, () => {
      const fill = () => fillInText(`\${{${name}}}`, environment)
      assert.throws(fill, new RegExp(`variable ${name} is not set`))
      assert.deepEqual(findUnset(`a \${{${name}}}`, environment), { name, offset: 2 })
    })
  }

  test('fields of a value, their names too, and what they become', () => {
    const value = {
      nodes: { '${{HOST}}:${{PORT}}': 1 },
      list: ['${{PORT}}', '${{ON}}', '${{HOST}}', '8080', null, 7],
    }
    assert.deepEqual(fillInValue(value, environment), {
      nodes: { 'node-1:8080': 1 },
      list: [8080, true, 'node-1', '8080', null, 7],
    })
  })
})
