import { createHash, timingSafeEqual } from 'node:crypto'
import { ADMIN_NAME, type AdminKey } from '../settings/admin-api-settings.ts'

/** What a request brings to prove that it may. */
interface Credentials {
  /** `X-API-KEY` */
  header: string | string[] | undefined
  /** `?api_key=`; comes before the header, as in APISIX. */
  query: unknown
  method: string
}

/** Who a request acts as, or what is wrong with its key, in APISIX's words. */
export type KeyVerdict = { ok: true; actor: string } | { ok: false; reason: string }

export type KeyCheck = (credentials: Credentials) => KeyVerdict

/** Methods of a viewer. */
const READS = new Set(['GET', 'HEAD'])

/**
 * Checks against the administrator's key and others, in a time that depends on none of them. APISIX
 * takes the key from a cookie too; here it does not, since a browser sends cookies on behalf of any
 * site.
 */
export function createKeyCheck(adminKey: string, others: readonly AdminKey[] = []): KeyCheck {
  const admin: AdminKey = { name: ADMIN_NAME, role: 'admin', key: adminKey }
  const known = [admin, ...others].map(({ name, role, key }) => ({ name, role, hash: hash(key) }))
  return ({ header, query, method }) => {
    const key = query ?? header
    if (key === undefined || key === '') return { ok: false, reason: 'missing apikey' }
    const given = hash(typeof key === 'string' ? key : '')
    // All of them, always: filter does not stop at the first.
    const [found] = known.filter((candidate) => timingSafeEqual(candidate.hash, given))
    if (found === undefined || typeof key !== 'string') return { ok: false, reason: 'wrong apikey' }
    if (found.role === 'viewer' && !READS.has(method)) {
      return { ok: false, reason: 'invalid method for role viewer' }
    }
    return { ok: true, actor: found.name }
  }
}

/** Equal lengths for timingSafeEqual, whatever is sent. */
function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
