import type { HealthCheck } from '../../model/schemas/health-check.ts'
import type { OutlierEjection } from '../../model/schemas/upstream-holdfast.ts'

/** What the statuses of responses count as, by status. */
export type StatusClasses = Uint8Array

export const IGNORED = 0
export const FAILURE = 1
const SUCCESS = 2

const STATUSES = 600

/** The defaults of the schema; objects of a file or an edited backup don't carry them. */
const HEALTHY = [
  200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 306, 307, 308,
]
const UNHEALTHY = [429, 500, 503]
const OUTLIER = [500, 502, 503, 504]

/** Most upstreams have the same lists: one table for all of them. */
const tables = new Map<string, StatusClasses>()

/** By `checks.passive`: a status in neither list says nothing. */
export function passiveClasses(passive: NonNullable<HealthCheck['passive']>): StatusClasses {
  const { healthy, unhealthy } = passive
  return table(healthy?.http_statuses ?? HEALTHY, unhealthy?.http_statuses ?? UNHEALTHY, IGNORED)
}

/** By `holdfast.outlier_ejection`: what is not a failure is a success. */
export function outlierClasses({ http_statuses: failures = OUTLIER }: Partial<OutlierEjection>) {
  return table([], failures, SUCCESS)
}

function table(
  healthy: readonly number[],
  unhealthy: readonly number[],
  other: number,
): StatusClasses {
  const key = `${healthy} ${unhealthy} ${other}`
  let classes = tables.get(key)
  if (classes === undefined) {
    classes = new Uint8Array(STATUSES).fill(other)
    for (const status of unhealthy) classes[status] = FAILURE
    // In both lists: the healthy one is asked first, as in APISIX.
    for (const status of healthy) classes[status] = SUCCESS
    tables.set(key, classes)
  }
  return classes
}
