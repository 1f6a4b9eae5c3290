import type { Answer } from '../answer.ts'
import type { ConvergenceWatch, WaitResult } from './convergence-watch.ts'

const DEFAULT_TIMEOUT_MS = 5_000
const MAX_TIMEOUT_MS = 60_000
/** Header fields: whoever needs all of it asks for the revision's convergence. */
const MAX_SHOWN = 10
const MAX_REASON_LENGTH = 160

/** What `?wait=` asks for; undefined = nothing. */
export type WaitQuery =
  | { ok: true; wait: { timeoutMs: number } | undefined }
  | { ok: false; reason: string }

/** Reads `wait` and `timeout_ms`; to be refused before anything is written. */
export function parseWait(query: Record<string, unknown>): WaitQuery {
  const { wait, timeout_ms: timeout } = query
  if (wait !== undefined && wait !== 'all') {
    return { ok: false, reason: 'invalid argument wait: should be "all"' }
  }
  const timeoutMs = timeout === undefined ? DEFAULT_TIMEOUT_MS : toMilliseconds(timeout)
  if (timeoutMs === undefined) {
    const reason = `invalid argument timeout_ms: should be an integer from 1 to ${MAX_TIMEOUT_MS}`
    return { ok: false, reason }
  }
  return { ok: true, wait: wait === undefined ? undefined : { timeoutMs } }
}

/** Holds an answer back until what it wrote is served everywhere, or says who does not serve it. */
export async function answerWhenServed(
  answer: Answer,
  group: string,
  wait: { timeoutMs: number } | undefined,
  watch: Pick<ConvergenceWatch, 'wait'>,
): Promise<Answer> {
  if (wait === undefined || answer.written === undefined) return answer
  const result = await watch.wait(group, answer.written, wait.timeoutMs)
  return { ...answer, headers: { ...answer.headers, ...convergenceHeaders(result) } }
}

/** The body stays what APISIX's clients expect. */
function convergenceHeaders(result: WaitResult): Record<string, string> {
  const converged = { 'x-holdfast-converged': `${result.converged}` }
  if ('problem' in result) {
    return { ...converged, 'x-holdfast-waiting': headerJson([{ reason: result.problem }]) }
  }
  const { live, waiting, digestMismatches } = result
  const counted = { ...converged, 'x-holdfast-instances': `${live}` }
  if (result.converged) return counted
  const others = digestMismatches.map(({ instance, host, worker, revision }) => ({
    ...{ instance, host, worker, applied: revision, reason: 'serves other content (digest)' },
  }))
  const all = [...waiting, ...others]
  const shown = all
    .slice(0, MAX_SHOWN)
    .map((entry) => ({ ...entry, reason: entry.reason.slice(0, MAX_REASON_LENGTH) }))
  const more = all.length - shown.length
  return {
    ...counted,
    'x-holdfast-waiting': headerJson(more > 0 ? [...shown, { more }] : shown),
  }
}

/** JSON in the characters that a header field may have. */
function headerJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function toMilliseconds(text: unknown): number | undefined {
  if (typeof text !== 'string' || !/^\d{1,5}$/.test(text)) return undefined
  const value = Number(text)
  return value >= 1 && value <= MAX_TIMEOUT_MS ? value : undefined
}
