import type { FastifyRequest } from 'fastify'
import { RESOURCE_KINDS } from '../../model/resource-kind.ts'
import { encodeJsonInSlices } from '../../support/encode-json.ts'
import { type Answer, refusal } from '../answer.ts'
import { parseGroup } from '../group-query.ts'
import { showSnapshot } from '../holdfast-api/config.ts'
import { parseWait } from '../holdfast-api/wait-query.ts'
import { freshnessHeaders } from '../resource-reads.ts'
import { checkItems } from './check-items.ts'
import { convertYaml } from './convert-yaml.ts'
import { metadataHeaders, metadataOf } from './metadata.ts'
import { type ReplaceDeps, replaceConfig } from './replace-config.ts'
import { isYaml, parseDocument } from './request-document.ts'
import { readSections, SECTIONS, versionKey } from './sections.ts'

/** Answers for /apisix/admin/configs: the whole configuration as one document. */
export interface StandaloneHandler {
  config(request: FastifyRequest, actor: string): Promise<Answer>
  validate(request: FastifyRequest): Promise<Answer>
}

export function createStandaloneHandler(deps: ReplaceDeps): StandaloneHandler {
  return {
    async config(request, actor) {
      const query = request.query as Record<string, unknown>
      const parsed = parseGroup(query)
      if (!parsed.ok) return refusal(400, parsed.reason)
      const { group } = parsed
      switch (request.method) {
        case 'HEAD':
          return showHead(deps, group)
        case 'GET':
          return showDocument(deps, group, request.headers.accept ?? '')
        case 'PUT': {
          const waiting = parseWait(query)
          if (!waiting.ok) return refusal(400, waiting.reason)
          return replaceConfig(deps, { group, actor, request, wait: waiting.wait })
        }
        default:
          return refusal(404, 'Not found')
      }
    },

    async validate(request) {
      const parsed = await parseDocument(request)
      if (!parsed.ok) return refusal(400, parsed.reason)
      const sections = await readSections(parsed.document)
      const { problems } = await checkItems(sections, deps)
      if (problems.length === 0) return { status: 200, body: {} }
      return {
        status: 400,
        body: { error_msg: 'Configuration validation failed', errors: problems },
      }
    },
  }
}

async function showHead({ repository }: ReplaceDeps, group: string): Promise<Answer> {
  const [head, document] = await Promise.all([
    repository.readHead(group),
    repository.readDocument(group),
  ])
  return { status: 200, body: undefined, headers: metadataHeaders(document, head?.revision) }
}

async function showDocument(deps: ReplaceDeps, group: string, accept: string): Promise<Answer> {
  const { reader, repository, secrets } = deps
  const reading = await reader.snapshot(group)
  const known = reading.stale ? undefined : await repository.readDocument(group)
  const {
    _meta,
    credentials = [],
    ...shown
  } = await showSnapshot(...[reading.value, RESOURCE_KINDS, secrets])
  const document: Record<string, unknown> = metadataOf(known, _meta.revision)
  for (const section of [...SECTIONS, 'plugins']) {
    document[versionKey(section)] = known?.versions[section] ?? 0
    const bodies = shown[section as keyof typeof shown] ?? []
    const all = section === 'consumers' ? [...bodies, ...credentials] : bodies
    if (all.length === 0) continue
    // A document is what its author wrote: the control plane's times are no part of it.
    document[section] = all.map(({ create_time: _, update_time: __, ...body }) => body)
  }
  const headers = { ...metadataHeaders(known, _meta.revision), ...freshnessHeaders(reading) }
  return isYaml(accept)
    ? { status: 200, body: await toYaml(document), headers: { ...headers, 'content-type': YAML } }
    : { status: 200, body: document, headers }
}

const YAML = 'application/yaml'

async function toYaml(document: object): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of encodeJsonInSlices(document)) pieces.push(piece)
  const converted = await convertYaml({ from: 'json', text: Buffer.concat(pieces).toString() })
  if (!converted.ok) throw new Error(`not told in YAML: ${converted.reason}`)
  return converted.text
}
