import type { FastifyRequest } from 'fastify'
import { parseJsonInSlices } from '../../support/parse-json.ts'
import { MAX_BODY_BYTES } from '../http-server.ts'
import { convertYaml } from './convert-yaml.ts'

type ParsedDocument =
  | { ok: true; document: Record<string, unknown> }
  | { ok: false; reason: string }

/** The document in a request, in JSON or YAML. */
export async function parseDocument(request: FastifyRequest): Promise<ParsedDocument> {
  const bytes = request.body as Buffer | undefined
  if (bytes === undefined || bytes.length === 0) return refuse('empty request body')
  let json = bytes
  if (isYaml(contentTypeOf(request))) {
    const converted = await convertYaml({ from: 'yaml', text: bytes.toString() })
    if (!converted.ok) return refuse(`invalid yaml request body: ${converted.reason}`)
    json = Buffer.from(converted.text)
  }
  const parsed = await parseJsonInSlices(json, MAX_BODY_BYTES)
  if (!parsed.ok) return refuse(parsed.reason)
  const document = parsed.json
  if (document === null || typeof document !== 'object' || Array.isArray(document)) {
    return refuse('expected an object')
  }
  return { ok: true, document: document as Record<string, unknown> }
}

export function isYaml(mediaType: string): boolean {
  return mediaType.startsWith('application/yaml')
}

/** As sent: the server has hidden it from the framework's parsers (http-server.ts). */
function contentTypeOf({ raw }: FastifyRequest): string {
  const at = raw.rawHeaders.findIndex((name, n) => n % 2 === 0 && /^content-type$/i.test(name))
  return at === -1 ? '' : (raw.rawHeaders[at + 1] ?? '')
}

function refuse(problem: string): { ok: false; reason: string } {
  return { ok: false, reason: `invalid request body: ${problem}` }
}
