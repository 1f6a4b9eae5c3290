import type { RequestContext } from '../model/request-context.ts'
import { compileTemplate } from '../support/variables/template.ts'
import { compileVariable, type VariableReader } from '../support/variables/variable.ts'
import type { HashKey } from './consistent-hash.ts'

/** What an upstream of type `chash` says of its key. */
export interface HashKeyConfig {
  readonly hashOn: 'vars' | 'header' | 'cookie' | 'consumer' | 'vars_combinations'
  readonly key: string
}

/**
 * Compiles what requests are hashed by. One that has no such value, or an empty one, is hashed by
 * its client's address, as in APISIX.
 */
export function compileHashKey(config: HashKeyConfig): HashKey {
  const read = readerOf(config)
  return (request) => {
    if (request === undefined) return ''
    return read(request) || request.remoteAddress
  }
}

function readerOf({ hashOn, key }: HashKeyConfig): VariableReader {
  switch (hashOn) {
    case 'vars':
      return compileVariable(key)
    case 'header':
      return compileVariable(`http_${key}`)
    case 'cookie':
      return compileVariable(`cookie_${key}`)
    case 'consumer':
      return (request) => request.consumer?.username
    case 'vars_combinations':
      return compileCombination(key)
  }
}

/** A text in which no variable has a value says nothing about the request. */
function compileCombination(text: string): VariableReader {
  const template = compileTemplate(text)
  // The same text with nothing but its variables: empty if none has a value or a default.
  const variables = compileTemplate((text.match(VARIABLE) ?? []).join(''))
  return (request: RequestContext) => (variables(request) === '' ? undefined : template(request))
}

const VARIABLE = /(?<!\\)\$(?:\{[^}]{1,256}\}|[\w.]+)/g
