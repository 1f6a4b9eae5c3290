import { GatewayError } from '../../model/errors.ts'

/** The primary did not say in time what is left. */
export function quotaUnavailable(): GatewayError {
  return new GatewayError('GW_QUOTA_UNAVAILABLE', 'the quota ledger does not answer')
}
