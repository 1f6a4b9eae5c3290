import { checkNotYet } from '../model/schemas/not-yet.ts'
import { createResourceValidator, type ResourceValidator } from './validate-resource.ts'

const model = createResourceValidator(() => undefined)

/** Accepts what this version can serve: valid objects that ask for nothing that is not there yet. */
export const servedResources: ResourceValidator = {
  decode(kind, body) {
    const decoded = model.decode(kind, body)
    if (!decoded.ok) return decoded
    const reason = checkNotYet(kind, decoded.value)
    return reason === undefined ? decoded : { ok: false, reason }
  },
}
