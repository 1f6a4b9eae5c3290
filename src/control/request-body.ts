import { parseLenientJson } from '../support/lenient-json.ts'

/** The JSON in a request's body, or why there is none. `json: undefined` = no body was sent. */
export type ParsedBody = { ok: true; json: unknown } | { ok: false; reason: string }

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Reads a body whatever its Content-Type says: `curl -d` says it is a form. */
export function parseBody(bytes: Buffer | undefined): ParsedBody {
  if (bytes === undefined || bytes.length === 0) return { ok: true, json: undefined }
  try {
    return { ok: true, json: parseLenientJson(utf8.decode(bytes)) }
  } catch (error) {
    return { ok: false, reason: `invalid request body: ${describe(error)}` }
  }
}

/** The parser's own message quotes the text around the error, which may hold a secret. */
function describe(error: unknown): string {
  if (!(error instanceof SyntaxError)) return 'not valid UTF-8'
  const position = /at position (\d+)/.exec(error.message)?.[1]
  return position === undefined ? 'not valid JSON' : `not valid JSON at position ${position}`
}
