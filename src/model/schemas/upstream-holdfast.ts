import type { Static } from 'typebox'
import { Type } from '../schema-builder.ts'

const closed = { additionalProperties: false }

const Seconds = (byDefault: number) =>
  Type.Number({ minimum: 0.1, maximum: 86_400, default: byDefault })

/** A node that recovers gets its share of the requests little by little. */
const SlowStart = Type.Object(
  {
    /** Seconds until it has its full share; it rises linearly. */
    window: Type.Number({ minimum: 0.1, maximum: 3_600 }),
  },
  closed,
)
export type SlowStart = Static<typeof SlowStart>

/** Takes nodes that answer worse than others out for a while, by what requests meet. */
export const OutlierEjection = Type.Object(
  {
    /** Failed attempts in a row; 0 = not looked at. */
    consecutive_failures: Type.Integer({ minimum: 0, maximum: 1_000, default: 5 }),
    /** Share of the attempts within `interval`; 0 = not looked at. */
    failure_rate: Type.Number({ minimum: 0, maximum: 1, default: 0 }),
    /** Attempts within `interval` without which the rate says nothing. */
    min_requests: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 20 }),
    /** Seconds. */
    interval: Seconds(10),
    /** Seconds of the first ejection; the nth takes n times as long. */
    base_ejection_time: Seconds(30),
    /** Seconds. */
    max_ejection_time: Seconds(300),
    /** Percent of the nodes that may be ejected at once; never all. */
    max_ejection_percent: Type.Integer({ minimum: 1, maximum: 100, default: 50 }),
    /** Statuses that count as failures, beside connections that fail or time out. */
    http_statuses: Type.Array(Type.Integer({ minimum: 400, maximum: 599 }), {
      uniqueItems: true,
      default: [500, 502, 503, 504],
    }),
  },
  closed,
)
export type OutlierEjection = Static<typeof OutlierEjection>

/** Keeps retries from multiplying the load on nodes that fail because of it. */
const RetryBudget = Type.Object(
  {
    /** Share of the requests that may be retried. */
    share: Type.Number({ minimum: 0, maximum: 1, default: 0.2 }),
    /** Retries per second and worker that are allowed whatever the share. */
    min_per_second: Type.Number({ minimum: 0, maximum: 1_000_000, default: 3 }),
  },
  closed,
)

/** What APISIX does not have; under a name of its own, so that its configurations stay valid. */
export const UpstreamHoldfast = Type.Object(
  {
    slow_start: Type.Optional(SlowStart),
    outlier_ejection: Type.Optional(OutlierEjection),
    retry_budget: Type.Optional(RetryBudget),
  },
  closed,
)
export type UpstreamHoldfast = Static<typeof UpstreamHoldfast>
