import type { Static } from 'typebox'
import type { RequestContext } from '../../model/request-context.ts'
import { Type } from '../../model/schema-builder.ts'
import { addField, removeField, setField, toFieldValue } from '../../support/header-fields.ts'
import type { RegexMatch } from '../../support/regex/regex.ts'
import { type CaptureTemplate, compileCaptures } from './capture-template.ts'
import { checkFieldName, checkFieldValue, OWN_REQUEST_FIELDS } from './field-checks.ts'

const Name = Type.String({ pattern: '^[^:]+$' })
const Value = Type.Union([Type.String(), Type.Number()])
const Values = Type.Union([Type.String(), Type.Number(), Type.Array(Value, { minItems: 1 })])

const Actions = Type.Object(
  {
    add: Type.Optional(
      Type.Record(Name, Values, {
        minProperties: 1,
        description: 'Fields beside those there are.',
      }),
    ),
    set: Type.Optional(
      Type.Record(Name, Values, {
        minProperties: 1,
        description: 'Fields in place of those of the same name; an empty value removes them.',
      }),
    ),
    remove: Type.Optional(
      Type.Array(Name, { minItems: 1, description: 'Names of fields to remove.' }),
    ),
  },
  { minProperties: 1, additionalProperties: false },
)

/** Header actions `add`, `set` and `remove`, or fields to set. */
export const RequestHeaders = Type.Union(
  [Actions, Type.Record(Name, Value, { minProperties: 1 })],
  {
    description: 'What becomes of header fields: `add`, `set`, `remove`; or fields to set.',
  },
)

type Headers = Static<typeof RequestHeaders>
type HeaderActions = Static<typeof Actions>

/** Changes the fields that the node gets. */
export type HeaderChange = (request: RequestContext, match: RegexMatch | undefined) => void

/** Fields that the engine adds unless they are there; set to nothing, they are not sent. */
const FORWARDING = new Set(['x-forwarded-host', 'x-forwarded-port', 'x-forwarded-proto'])

/** Those that no client can send through anyway may be removed. */
const NOT_REMOVABLE = new Set(['content-length', 'host', 'transfer-encoding'])

/** Compiles the actions: first all of `add`, then `set`, then `remove`. @throws ConfigError */
export function compileRequestHeaders(headers: Headers): HeaderChange {
  const { add = {}, set = {}, remove = [] } = isActions(headers) ? headers : { set: headers }
  const changes = [
    ...Object.entries(add).map(([name, value]) => compileAdd(name, value)),
    ...Object.entries(set).map(([name, value]) => compileSet(name, value)),
    ...remove.map(compileRemove),
  ]
  return (request, match) => {
    for (const change of changes) change(request, match)
  }
}

function isActions(headers: Headers): headers is HeaderActions {
  return Object.values(headers).some((value) => typeof value === 'object')
}

function compileAdd(name: string, value: Static<typeof Values>): HeaderChange {
  const values = compileValues(name, value)
  return (request, match) => {
    for (const render of values) {
      const text = toFieldValue(render(request, match))
      if (text !== '') addField(request.headers, name, text)
    }
  }
}

function compileSet(name: string, value: Static<typeof Values>): HeaderChange {
  const values = compileValues(name, value)
  const remove = compileRemove(name)
  const lowered = name.toLowerCase()
  // What a client says of itself is replaced as a whole: see http/forwarding.ts.
  const isForwarding = FORWARDING.has(lowered) || lowered === 'x-real-ip'
  return (request, match) => {
    const texts = values.map((render) => toFieldValue(render(request, match)))
    const [first, ...rest] = texts.filter((text) => text !== '')
    if (first === undefined) {
      remove(request, match)
      return
    }
    if (isForwarding) removeField(request.headers, lowered)
    setField(request.headers, name, first)
    for (const text of rest) addField(request.headers, name, text)
  }
}

function compileValues(name: string, value: Static<typeof Values>): CaptureTemplate[] {
  checkFieldName(name, OWN_REQUEST_FIELDS)
  const values = Array.isArray(value) ? value : [value]
  for (const one of values) checkFieldValue(one)
  return values.map((one) => compileCaptures(String(one)))
}

function compileRemove(name: string): HeaderChange {
  checkFieldName(name, NOT_REMOVABLE)
  const lowered = name.toLowerCase()
  if (FORWARDING.has(lowered)) return ({ headers }) => setField(headers, name, '')
  return ({ headers }) => removeField(headers, lowered)
}
