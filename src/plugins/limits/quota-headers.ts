import type { WindowVerdict } from '../../model/quota.ts'
import { setField } from '../../support/header-fields.ts'
import type { RawHeaders, RequestContext } from '../contract.ts'

export interface QuotaHeaderNames {
  readonly limit_header: string
  readonly remaining_header: string
  readonly reset_header: string
}

const DEFAULT_NAMES: QuotaHeaderNames = {
  limit_header: 'X-RateLimit-Limit',
  remaining_header: 'X-RateLimit-Remaining',
  reset_header: 'X-RateLimit-Reset',
}

/** What a client is told of one limit. */
interface Note {
  readonly prefix: string | undefined
  readonly limit: number
  readonly verdict: WindowVerdict
  /** Of the limit that was checked before for the same request. */
  readonly before: Note | undefined
}

/** The headers that tell clients of limits: noted when a request is counted, written to its answer. */
export class QuotaHeaders {
  readonly #names: () => Partial<QuotaHeaderNames>
  readonly #notes = new WeakMap<RequestContext, Note>()
  /** What the metadata said, and the names that come of it. */
  #said: Partial<QuotaHeaderNames> | undefined
  #known: QuotaHeaderNames = DEFAULT_NAMES

  constructor(names: () => Partial<QuotaHeaderNames>) {
    this.#names = names
  }

  note(
    request: RequestContext,
    prefix: string | undefined,
    limit: number,
    verdict: WindowVerdict,
  ): void {
    const before = prefix === undefined ? undefined : this.#notes.get(request)
    this.#notes.set(request, { prefix, limit, verdict, before })
  }

  write(request: RequestContext, headers: RawHeaders): void {
    let note = this.#notes.get(request)
    if (note === undefined) return
    const said = this.#names()
    if (said !== this.#said) {
      this.#said = said
      this.#known = { ...DEFAULT_NAMES, ...said }
    }
    const names = this.#known
    for (; note !== undefined; note = note.before) {
      const { prefix, limit, verdict } = note
      // Hundredths of a second; a window that has just begun is whole in spite of the way here.
      const seconds = Math.round(verdict.resetMs / 10) / 100
      setField(headers, withPrefix(names.limit_header, prefix), String(limit))
      setField(headers, withPrefix(names.remaining_header, prefix), String(verdict.remaining))
      setField(headers, withPrefix(names.reset_header, prefix), String(seconds))
    }
  }
}

/** `X-RateLimit-Limit` with the prefix `a`: `X-a-RateLimit-Limit`. */
function withPrefix(name: string, prefix: string | undefined): string {
  return prefix === undefined ? name : name.replace('RateLimit-', () => `${prefix}-RateLimit-`)
}
