import { Type } from '../model/schema-builder.ts'
import { fieldValue } from '../support/header-fields.ts'
import { definePlugin } from './contract.ts'

const schema = Type.Object({
  max_body_size: Type.Optional(
    Type.Integer({ minimum: 0, description: 'Largest request body in bytes; 0 = no limit.' }),
  ),
})

/** Limits what a client may send to a route. */
export default definePlugin({
  name: 'client-control',
  priority: 22_000,
  schema,

  create({ max_body_size: maxBytes = 0 }) {
    if (maxBytes === 0) return {}
    return {
      rewrite(request) {
        if (!request.hasBody) return undefined
        const announced = fieldValue(request.receivedHeaders, 'content-length')
        if (Number(announced ?? 0) > maxBytes) return { status: 413 }
        if (announced === undefined) request.limitBody(maxBytes)
        return undefined
      },
    }
  },
})
