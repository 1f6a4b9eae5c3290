import type { Static } from 'typebox'
import { Type } from '../../model/schema-builder.ts'
import { Dictionary } from '../../model/schemas/dictionary.ts'

const MAX_BODY_BYTES = 524_288

const logFormat = Type.Optional(
  Dictionary(Type.Unknown(), {
    description:
      'Fields of an entry in place of the default ones; values that begin with `$` are variables.',
  }),
)
const logFormatExtra = Type.Optional(
  Dictionary(Type.Unknown(), {
    description: 'Fields beside the default ones; not used where there is a `log_format`.',
  }),
)
const conditions = (description: string) =>
  Type.Optional(Type.Array(Type.Array(Type.Unknown()), { minItems: 1, description }))

/** What loggers let operators say of their entries. */
export const LOG_PROPERTIES = {
  log_format: logFormat,
  log_format_extra: logFormatExtra,
  include_req_body: Type.Boolean({ default: false, description: 'Put the request body in.' }),
  include_req_body_expr: conditions('Only of requests that meet these conditions.'),
  include_resp_body: Type.Boolean({ default: false, description: 'Put the response body in.' }),
  include_resp_body_expr: conditions('Only of responses that meet these conditions.'),
  max_req_body_bytes: Type.Integer({
    minimum: 1,
    default: MAX_BODY_BYTES,
    description: 'Longer request bodies are cut off.',
  }),
  max_resp_body_bytes: Type.Integer({
    minimum: 1,
    default: MAX_BODY_BYTES,
    description: 'Longer response bodies are cut off.',
  }),
}

/** What the metadata of loggers say for all of their instances. */
export const LOG_METADATA_PROPERTIES = { log_format: logFormat, log_format_extra: logFormatExtra }

export type LogConfig = Static<ReturnType<typeof Type.Object<typeof LOG_PROPERTIES>>>

/** What loggers that send batches let operators say. @param name Default of `name`. */
export function batchProperties(name: string) {
  return {
    name: Type.String({ default: name, description: 'Names the batches in logs and metrics.' }),
    max_retry_count: Type.Integer({
      minimum: 0,
      default: 0,
      description: 'How often a batch is sent again before it is dropped.',
    }),
    retry_delay: Type.Integer({
      minimum: 0,
      default: 1,
      description: 'Seconds before it is sent again.',
    }),
    buffer_duration: Type.Integer({
      minimum: 1,
      default: 60,
      description: 'Seconds after which a batch leaves, however many entries still come.',
    }),
    inactive_timeout: Type.Integer({
      minimum: 1,
      default: 5,
      description: 'Seconds without a further entry after which a batch leaves.',
    }),
    batch_max_size: Type.Integer({
      minimum: 1,
      default: 1_000,
      description: 'Entries with which a batch leaves at once.',
    }),
  }
}

/** What metadata of loggers that send batches say. */
export const BATCH_METADATA_PROPERTIES = {
  max_pending_entries: Type.Integer({
    minimum: 1,
    default: 8_192,
    description: 'Entries of a worker that wait; while there are so many, new ones are dropped.',
  }),
}
