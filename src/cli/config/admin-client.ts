import type { ResourceBody, ResourceKind } from '../../model/resource-kind.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import { EXIT } from '../../support/exit-codes.ts'
import { type AdminQuestion, type AdminReply, askAdmin } from './admin-request.ts'
import { ConfigFailure } from './config-failure.ts'

/** One change of a transaction, as `POST /holdfast/v1/bulk` takes it. */
export type BulkChange =
  | { op: 'put'; kind: ResourceKind; id: string; body: ResourceBody }
  | { op: 'delete'; kind: ResourceKind; id: string }

/** What became of one change, or why it can't be made. */
interface BulkResult {
  index: number
  kind: ResourceKind
  id: string
  status?: 'created' | 'updated' | 'unchanged' | 'deleted' | 'absent'
  error?: string
}

/**
 * What became of a transaction. `refused`: nothing was written; `conflict`: neither, because the
 * revision is another one now.
 */
export type BulkOutcome =
  | { state: 'done'; revision: number; results: BulkResult[]; converged: boolean | undefined }
  | { state: 'refused'; reason: string; results: BulkResult[] }
  | { state: 'conflict' }

interface BulkOptions {
  dryRun?: boolean
  /** The revision that the changes are meant for. */
  revision: number
  /** How long to wait until all gateways serve it; 0 = not at all. */
  waitMs?: number
  onSent?: (bytes: number, of: number) => void
}

/** The Admin API of one gateway group. All methods throw ConfigFailure. */
export interface AdminClient {
  /** The whole configuration, or that of some kinds, without the private keys that nobody is shown. */
  loadConfig(kinds?: readonly ResourceKind[]): Promise<Snapshot>
  /** All changes or none, in one revision. */
  applyBulk(changes: readonly BulkChange[], options: BulkOptions): Promise<BulkOutcome>
}

interface ClientOptions {
  /** Base of the API, without its path. */
  url: URL
  key: string
  group: string
}

export function createAdminClient({ url: base, key, group }: ClientOptions): AdminClient {
  const urlOf = (path: string, query: Record<string, string>) => {
    const url = new URL(base)
    // Not as a relative URL, which two slashes would lead to another host.
    url.pathname = `${base.pathname.replace(/\/+$/, '')}/holdfast/v1${path}`
    url.search = String(new URLSearchParams({ gateway_group_id: group, ...query }))
    return url
  }

  async function ask(question: Omit<AdminQuestion, 'headers'>, headers = {}): Promise<AdminReply> {
    try {
      return await askAdmin({ ...question, headers: { 'x-api-key': key, ...headers } })
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const why = message || code || 'no answer'
      throw new ConfigFailure(EXIT.UNAVAILABLE, `no control plane at ${base.origin}: ${why}`)
    }
  }

  return {
    async loadConfig(kinds) {
      const query: Record<string, string> = kinds === undefined ? {} : { kind: kinds.join(',') }
      const reply = await ask({ method: 'GET', url: urlOf('/config', query) })
      if (reply.status !== 200) throw failureOf(reply, base)
      return parse(reply, base) as unknown as Snapshot
    },

    async applyBulk(changes, { dryRun = false, revision, waitMs = 0, onSent = () => {} }) {
      const query: Record<string, string> = {
        ...(dryRun && { dry_run: 'true' }),
        ...(waitMs > 0 && { wait: 'all', timeout_ms: String(waitMs) }),
      }
      const body = Buffer.from(JSON.stringify({ changes }))
      const reply = await ask(
        { method: 'POST', url: urlOf('/bulk', query), body, onSent },
        { 'content-type': 'application/json', 'if-match': `"${revision}"` },
      )
      if (reply.status === 412) return { state: 'conflict' }
      const answer = parse(reply, base)
      const results = (answer['results'] ?? []) as BulkResult[]
      if (reply.status === 400) {
        return { state: 'refused', reason: String(answer['error_msg']), results }
      }
      if (reply.status !== 200) throw failureOf(reply, base)
      const header = reply.headers['x-holdfast-converged']
      const converged = header === undefined ? undefined : header === 'true'
      return { state: 'done', revision: Number(answer['revision']), results, converged }
    },
  }
}

const REASONS: Readonly<Record<number, [number, string]>> = {
  401: [EXIT.CONFIG, 'it refuses the key: look at HOLDFAST_ADMIN_KEY'],
  403: [EXIT.CONFIG, 'this key may not do that'],
  404: [EXIT.UNAVAILABLE, 'it knows nothing of /holdfast/v1: not Holdfast, or an older one'],
  413: [EXIT.INVALID, 'the changes are more than it takes at once: use --kinds or --label'],
}

function failureOf(reply: AdminReply, { origin }: URL): ConfigFailure {
  const [code, reason] = REASONS[reply.status] ?? [EXIT.UNAVAILABLE, `it answered ${reply.status}`]
  const said = errorMessage(reply.text)
  const detail = said === undefined ? '' : ` (${said})`
  return new ConfigFailure(code, `control plane at ${origin}: ${reason}${detail}`)
}

function parse(reply: AdminReply, base: URL): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(reply.text)
    if (value !== null && typeof value === 'object') return value as Record<string, unknown>
  } catch {
    // Said below.
  }
  if (reply.status !== 200) throw failureOf(reply, base)
  const reason = `what answers at ${base.origin} is no control plane: not a JSON object`
  throw new ConfigFailure(EXIT.UNAVAILABLE, reason)
}

function errorMessage(text: string): string | undefined {
  try {
    const { error_msg: message } = JSON.parse(text) as { error_msg?: unknown }
    return typeof message === 'string' ? message.slice(0, 500) : undefined
  } catch {
    return undefined
  }
}
