import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { StoreError } from '../model/errors.ts'
import { encodeJsonInSlices } from '../support/encode-json.ts'
import { type Answer, refusal } from './answer.ts'

/** Lists longer than this are encoded in slices. */
const MAX_AT_ONCE = 500

/** Sends an answer; a large one as it is encoded, without its length. */
export function sendAnswer(reply: FastifyReply, answer: Answer): FastifyReply {
  const { status, body, headers = {} } = answer
  reply.code(status).headers(headers)
  if (!isLarge(body)) return reply.send(body)
  return reply.type('application/json; charset=utf-8').send(Readable.from(encodeJsonInSlices(body)))
}

/** The database comes back, and large writes end; both are found out within a second or two. */
const RETRY_AFTER = { 'retry-after': '1' }

/** The database being away is no fault of ours: the reason is the client's to know. */
export function answerFailure(error: unknown): Answer {
  if (error instanceof StoreError) return { ...refusal(503, error.message), headers: RETRY_AFTER }
  throw error
}

function isLarge(body: unknown): body is object {
  if (body === null || typeof body !== 'object') return false
  return Object.values(body).some((field) => Array.isArray(field) && field.length > MAX_AT_ONCE)
}
