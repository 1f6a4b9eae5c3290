import { ConfigError } from '../model/errors.ts'
import { Type } from '../model/schema-builder.ts'
import { removeField, setField, toFieldValue } from '../support/header-fields.ts'
import { definePlugin } from './contract.ts'

const schema = Type.Object(
  {
    headers: Type.Record(Type.String(), Type.String({ pattern: '^\\$.*' }), {
      minProperties: 1,
      description:
        'Labels of the consumer by the fields that tell the node of them: `"X-Team": "$team"`.',
    }),
  },
  { additionalProperties: false },
)

const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** Fields that say where a message ends, or whom it is for. */
const FRAMING = /^(?:connection|content-length|host|transfer-encoding|upgrade)$/i

/** Tells the node of the consumer's labels; what a client sends under these names goes. */
export default definePlugin({
  name: 'attach-consumer-label',
  priority: 2399,
  schema,

  create({ headers }) {
    const fields = Object.entries(headers).map(([name, label]) => {
      if (FIELD_NAME.test(name) && !FRAMING.test(name)) return { name, label: label.slice(1) }
      throw new ConfigError('GW_CONFIG_INVALID', `"${name}" can not be the name of a header`)
    })

    return {
      beforeProxy(request) {
        const labels = request.consumer?.labels
        for (const { name, label } of fields) {
          const value = labels && Object.hasOwn(labels, label) ? labels[label] : undefined
          if (value === undefined) removeField(request.headers, name.toLowerCase())
          else setField(request.headers, name, toFieldValue(value))
        }
        return undefined
      },
    }
  },
})
