import type { Answer } from './answer.ts'

export const ADMIN_METHODS = ['GET', 'PUT', 'POST', 'PATCH', 'DELETE'] as const
export type AdminMethod = (typeof ADMIN_METHODS)[number]

/** One request for a resource, checked as far as it does not depend on the kind. */
export interface AdminRequest {
  group: string
  actor: string
  /** From the URL, whole; undefined = the collection. */
  id: string | undefined
  /** What the ids of the collection begin with, where it is part of one (see resource-path.ts). */
  scope?: string | undefined
  /** Of a PATCH: what comes after the id. */
  subPath: string[]
  query: Record<string, unknown>
  /** Parsed JSON; undefined = no body was sent. */
  body: unknown
  /** Conditions on the object's entity tag, as sent (preconditions.ts). */
  ifMatch: string | undefined
  ifNoneMatch: string | undefined
}

/** Answers the requests for one kind. */
export type ResourceHandler = Record<AdminMethod, (request: AdminRequest) => Promise<Answer>>
