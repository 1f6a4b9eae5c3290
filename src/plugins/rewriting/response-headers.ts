import type { RequestContext } from '../../model/request-context.ts'
import { addField, removeField, setField, toFieldValue } from '../../support/header-fields.ts'
import { compileTemplate } from '../../support/variables/template.ts'
import type { RawHeaders, ResponseHead } from '../contract.ts'
import { checkFieldName, checkFieldValue, OWN_RESPONSE_FIELDS } from './field-checks.ts'

/** Changes the fields of an answer. */
export type ResponseHeaderChange = (request: RequestContext, headers: RawHeaders) => void

/**
 * Adds a field whose value may have variables; an empty value adds nothing. An answer has one
 * Content-Type: the one added takes the place of the other, as in nginx. @throws ConfigError
 */
export function compileAddField(name: string, value: string | number): ResponseHeaderChange {
  const render = compileValue(name, value)
  const add = name.toLowerCase() === 'content-type' ? setField : addField
  return (request, headers) => {
    const text = render(request)
    if (text !== '') add(headers, name, text)
  }
}

/** Sets a field; an empty value removes it, as in nginx. @throws ConfigError */
export function compileSetField(name: string, value: string | number): ResponseHeaderChange {
  const render = compileValue(name, value)
  const lowered = name.toLowerCase()
  return (request, headers) => {
    const text = render(request)
    if (text === '') removeField(headers, lowered)
    else setField(headers, name, text)
  }
}

/** @throws ConfigError */
export function compileRemoveField(name: string): ResponseHeaderChange {
  checkFieldName(name, OWN_RESPONSE_FIELDS)
  const lowered = name.toLowerCase()
  return (_request, headers) => removeField(headers, lowered)
}

/** Takes out what was true of the node's body only, before another one takes its place. */
export function clearBodyFields({ headers }: ResponseHead): void {
  for (const name of ['content-length', 'content-encoding', 'last-modified', 'etag']) {
    removeField(headers, name)
  }
}

function compileValue(name: string, value: string | number): (request: RequestContext) => string {
  checkFieldName(name, OWN_RESPONSE_FIELDS)
  checkFieldValue(value)
  const render = compileTemplate(String(value))
  return (request) => toFieldValue(render(request))
}
