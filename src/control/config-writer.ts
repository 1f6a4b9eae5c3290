import type { Logger } from 'pino'
import { StoreError } from '../model/errors.ts'
import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import type { ConfigRepository, ConfigTransaction } from '../store/config-repository.ts'
import type { ResourceSecrets } from '../support/resource-secrets.ts'
import type { Answer } from './answer.ts'
import { entityTag } from './preconditions.ts'
import { keyOf, showResource } from './resource-answer.ts'
import type { ResourceDefinition } from './resource-definition.ts'
import { answerFailure } from './send-answer.ts'

/** Which object a write is about, and who wants it. */
interface WriteTarget {
  group: string
  actor: string
  kind: ResourceKind
  id: string
}

/** What a transaction decided. `none`: nothing was written, the answer says why. */
export type Outcome =
  | { op: 'none'; answer: Answer }
  | { op: 'delete' }
  | {
      op: 'put'
      definition: ResourceDefinition
      /** As stored. */
      value: ResourceBody
      /** Undefined = the object is new. */
      createdRevision: number | undefined
    }

/** Writes one object per transaction and answers for it. */
export interface ConfigWriter {
  /** `decide` may run twice (a connection broke under it) and must have no effect but on `tx`. */
  write(target: WriteTarget, decide: (tx: ConfigTransaction) => Promise<Outcome>): Promise<Answer>
}

interface WriterOptions {
  repository: Pick<ConfigRepository, 'write'>
  secrets: Pick<ResourceSecrets, 'show'>
  log: Logger
  /** Told of each group that something was written to. */
  onWritten?: ((group: string) => void) | undefined
}

export function createConfigWriter({
  repository,
  secrets,
  log,
  onWritten,
}: WriterOptions): ConfigWriter {
  return {
    async write(target, decide) {
      const { group, actor, kind, id } = target
      try {
        const { result, mark } = await repository.write(group, actor, decide)
        if (result.op === 'none') return result.answer
        const { revision } = mark
        const facts = { kind, id, group, revision, actor }
        log.info(facts, result.op === 'put' ? 'resource written' : 'resource deleted')
        onWritten?.(group)
        return {
          ...answerFor(target, result, revision, secrets),
          headers: {
            ...revisionHeader(revision),
            ...(result.op === 'put' && headersOf(result, revision)),
          },
          written: revision,
        }
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        log.warn({ kind, id, group, actor, reason: error.message }, 'write refused')
        return answerFailure(error)
      }
    },
  }
}

function answerFor(
  { kind, id }: WriteTarget,
  outcome: Exclude<Outcome, { op: 'none' }>,
  revision: number,
  secrets: Pick<ResourceSecrets, 'show'>,
): Answer {
  if (outcome.op === 'delete') {
    // APISIX counts in a string, for the sake of its oldest clients.
    return { status: 200, body: { key: keyOf(kind, id), deleted: '1' } }
  }
  const { definition, value, createdRevision = revision } = outcome
  return {
    status: outcome.createdRevision === undefined ? 201 : 200,
    body: showResource(definition, { body: value, createdRevision, revision }, secrets),
  }
}

function headersOf(written: { definition: ResourceDefinition }, revision: number) {
  return { etag: entityTag(revision), ...warn(written) }
}

/** An author must not take for served what is only kept. */
function warn({ definition }: { definition: ResourceDefinition }): Record<string, string> {
  const { notServed, label } = definition
  if (!notServed) return {}
  return { warning: `299 - "${label} stored and delivered, but nothing serves it yet"` }
}

function revisionHeader(revision: number): Record<string, string> {
  return { 'x-holdfast-revision': `${revision}` }
}
