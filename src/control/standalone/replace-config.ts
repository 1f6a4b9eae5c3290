import type { FastifyRequest } from 'fastify'
import { resourceId } from '../../model/snapshot.ts'
import type {
  ConfigRepository,
  ConfigTransaction,
  StoredDocument,
} from '../../store/config-repository.ts'
import { type Answer, refusal } from '../answer.ts'
import { applyChanges, type ChangesDeps } from '../changes/apply-changes.ts'
import type { CheckedChange } from '../changes/change-set.ts'
import type { ConfigReader } from '../config-reader.ts'
import type { ConvergenceWatch } from '../holdfast-api/convergence-watch.ts'
import { answerWhenServed } from '../holdfast-api/wait-query.ts'
import { RESOURCE_DEFINITIONS } from '../resource-definitions.ts'
import { type CheckedItem, checkItems, problemOf } from './check-items.ts'
import { metadataHeaders } from './metadata.ts'
import { parseDocument } from './request-document.ts'
import {
  kindsOf,
  readSections,
  SECTIONS,
  type SectionProblem,
  type StandaloneDocument,
  versionKey,
} from './sections.ts'

export interface ReplaceDeps extends ChangesDeps {
  repository: Pick<ConfigRepository, 'write' | 'readHead' | 'readDocument'>
  reader: Pick<ConfigReader, 'snapshot'>
  watch: Pick<ConvergenceWatch, 'wait'>
}

interface ReplaceRequest {
  group: string
  actor: string
  request: FastifyRequest
  wait: { timeoutMs: number } | undefined
}

/**
 * Replaces the whole configuration by a document, as one revision with what differs. A section whose
 * version is still the same stays as it is.
 */
export async function replaceConfig(
  deps: ReplaceDeps,
  { group, actor, request, wait }: ReplaceRequest,
): Promise<Answer> {
  const digest = request.headers['x-digest']
  if (typeof digest !== 'string' || digest === '') return refusal(400, 'missing digest header')
  const parsed = await parseDocument(request)
  if (!parsed.ok) return refusal(400, parsed.reason)
  if (await isServed(deps, group, digest)) return { status: 204, body: undefined }
  const sections = await readSections(parsed.document)
  const { checked, problems } = await checkItems(sections, deps)
  problems.push(...checked.flatMap(withoutId))
  if (problems.length > 0) return refuse(problems)

  let plan: SectionPlan = { versions: {}, replaced: [] }
  const lastModified = Math.floor(deps.now() / 1000)
  const outcome = await applyChanges<Answer>(deps, {
    ...{ group, actor, dryRun: false },
    async decide(tx) {
      const known = await tx.document()
      if (known?.digest === digest && known.revision === tx.revision) {
        return { refuse: { status: 204, body: undefined } }
      }
      const planned = planSections(sections, known)
      if (typeof planned === 'string') return { refuse: refusal(400, planned) }
      plan = planned
      return { changes: await changesFor(tx, plan.replaced, checked) }
    },
    also: (tx) => tx.setDocument({ digest, lastModified, versions: plan.versions }),
  })
  if (!outcome.ok && 'refuse' in outcome) return outcome.refuse
  if (!outcome.ok) {
    return refuse(
      outcome.problems.map(({ index, kind, id, error }) => {
        const item = sections.items[index]
        return item === undefined
          ? { resource_type: String(kind), resource_id: String(id), error }
          : problemOf(item, error)
      }),
    )
  }
  const { revision, changed } = outcome
  const answer: Answer = {
    status: 202,
    body: undefined,
    headers: {
      'x-holdfast-revision': `${revision}`,
      ...metadataHeaders({ digest, lastModified, versions: {}, revision }, revision),
    },
    ...(changed > 0 && { written: revision }),
  }
  return answerWhenServed(answer, group, wait, deps.watch)
}

/** The same document again: told before it is checked. */
async function isServed(
  { repository }: ReplaceDeps,
  group: string,
  digest: string,
): Promise<boolean> {
  const document = await repository.readDocument(group)
  if (document?.digest !== digest) return false
  return (await repository.readHead(group))?.revision === document.revision
}

interface SectionPlan {
  /** What each section's version becomes. */
  versions: Record<string, number>
  /** Sections whose objects the document replaces. */
  replaced: string[]
}

function planSections(
  { versions }: StandaloneDocument,
  known: StoredDocument | undefined,
): SectionPlan | string {
  const plan: SectionPlan = { versions: {}, replaced: [] }
  for (const section of [...SECTIONS, 'plugins']) {
    const before = known?.versions[section] ?? 0
    const after = versions.get(section) ?? before + 1
    if (after < before) {
      return `${versionKey(section)} must be greater than or equal to (${before})`
    }
    plan.versions[section] = after
    if (after !== before && section !== 'plugins') plan.replaced.push(section)
  }
  return plan
}

async function changesFor(
  tx: ConfigTransaction,
  sections: readonly string[],
  checked: readonly CheckedItem[],
): Promise<CheckedChange[]> {
  const replaced = new Set(sections)
  const changes = checked
    .filter(({ item }) => replaced.has(item.section))
    .map(({ change }) => change)
  const wanted = new Set(changes.map(({ kind, id }) => `${kind}/${id}`))
  for (const kind of sections.flatMap(kindsOf)) {
    for (const { body } of await tx.list(kind)) {
      const id = resourceId(kind, body)
      // The index of none of the document's objects.
      if (!wanted.has(`${kind}/${id}`)) changes.push({ op: 'delete', index: -1, kind, id })
    }
  }
  return changes
}

function withoutId({ item }: CheckedItem): SectionProblem[] {
  const { label } = RESOURCE_DEFINITIONS[item.kind]
  return item.id === undefined ? [problemOf(item, `missing ${label} id`)] : []
}

/** As in APISIX, the first problem is the message; all of them are beside it. */
function refuse(errors: SectionProblem[]): Answer {
  return { status: 400, body: { error_msg: errors[0]?.error, errors: errors.slice(0, 1_000) } }
}
