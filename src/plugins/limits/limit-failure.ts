import { GatewayError } from '../../model/errors.ts'
import type { Reply } from '../contract.ts'

/**
 * What a request gets when its counter can't be reached: it passes with `allow_degradation`,
 * otherwise 500. Errors of another kind are thrown on.
 */
export function answerFailure(
  error: unknown,
  allowDegradation: boolean,
  body?: unknown,
): Reply | undefined {
  if (!(error instanceof GatewayError && error.code === 'GW_QUOTA_UNAVAILABLE')) throw error
  return allowDegradation ? undefined : { status: 500, body }
}

/** The reply to a request that is over its limit. */
export function rejection({
  rejected_code: status,
  rejected_msg: message,
}: {
  rejected_code: number
  rejected_msg?: string
}): Reply {
  return message === undefined ? { status } : { status, body: { error_msg: message } }
}
