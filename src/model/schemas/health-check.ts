import type { Static } from 'typebox'
import { Type } from '../schema-builder.ts'
import { Host, HTTP_METHODS, Port } from './fragments.ts'

const closed = { additionalProperties: false }

const CheckType = Type.Enum(['http', 'https', 'tcp'], { type: 'string', default: 'http' })

function statuses(byDefault: number[]) {
  return Type.Array(Type.Integer({ minimum: 200, maximum: 599 }), {
    minItems: 1,
    uniqueItems: true,
    default: byDefault,
  })
}

function count(minimum: 0 | 1, byDefault: number) {
  return Type.Integer({ minimum, maximum: 254, default: byDefault })
}

/** Seconds between two probes. */
const Interval = Type.Integer({ minimum: 1, default: 1 })

const Active = Type.Object(
  {
    type: CheckType,
    /** Seconds. */
    timeout: Type.Number({ default: 1 }),
    concurrency: Type.Integer({ default: 10 }),
    host: Type.Optional(Host),
    port: Type.Optional(Port),
    http_method: Type.Enum(HTTP_METHODS, { type: 'string', default: 'GET' }),
    http_path: Type.String({ default: '/' }),
    http_req_body: Type.String({ default: '' }),
    https_verify_certificate: Type.Boolean({ default: true }),
    healthy: Type.Optional(
      Type.Object(
        { interval: Interval, http_statuses: statuses([200, 302]), successes: count(1, 2) },
        closed,
      ),
    ),
    unhealthy: Type.Optional(
      Type.Object(
        {
          interval: Interval,
          http_statuses: statuses([429, 404, 500, 501, 502, 503, 504, 505]),
          http_failures: count(1, 5),
          tcp_failures: count(1, 2),
          timeouts: count(1, 3),
        },
        closed,
      ),
    ),
    req_headers: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
  },
  closed,
)

const HEALTHY_RESPONSES = [
  200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 306, 307, 308,
]

const Passive = Type.Object(
  {
    type: CheckType,
    healthy: Type.Optional(
      Type.Object({ http_statuses: statuses(HEALTHY_RESPONSES), successes: count(0, 5) }, closed),
    ),
    unhealthy: Type.Optional(
      Type.Object(
        {
          http_statuses: statuses([429, 500, 503]),
          tcp_failures: count(0, 2),
          timeouts: count(0, 7),
          http_failures: count(0, 5),
        },
        closed,
      ),
    ),
  },
  closed,
)

/** Health checks of an upstream. Passive checks need active ones: only those bring a node back. */
export const HealthCheck = Type.Object({ active: Active, passive: Type.Optional(Passive) }, closed)
export type HealthCheck = Static<typeof HealthCheck>

/** Rules that the schema cannot word; returns what is wrong. */
export function checkHealthCheck({ active }: HealthCheck): string | undefined {
  const { http_path: path, req_headers: headers = [] } = active
  const broken = [path, ...headers].some((text) => /[\r\n\0]/.test(text))
  return broken
    ? 'property "checks" validation failed: http_path and req_headers must not have line breaks'
    : undefined
}
