import type { RequestContext } from '../../model/request-context.ts'
import { fieldValues } from '../../support/header-fields.ts'

/** RFC 9110, section 12.4.2. */
const WEIGHT = /^\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*$/i

/**
 * True if the client takes that content coding: it is named with a weight above 0, or, if `*` counts,
 * it is not named and `*` has one. A weight that is none counts as 0, as in nginx.
 */
export function acceptsCoding(
  request: RequestContext,
  coding: string,
  anyCounts: boolean,
): boolean {
  let byStar: boolean | undefined
  for (const field of fieldValues(request.headers, 'accept-encoding')) {
    for (const part of field.split(',')) {
      const [name = '', ...parameters] = part.split(';')
      const lowered = name.trim().toLowerCase()
      if (lowered === coding) return isAccepted(parameters)
      if (lowered === '*') byStar = isAccepted(parameters)
    }
  }
  return anyCounts && byStar === true
}

function isAccepted(parameters: readonly string[]): boolean {
  const [weight] = parameters
  if (weight === undefined) return true
  return Number(WEIGHT.exec(weight)?.[1] ?? 0) > 0
}
