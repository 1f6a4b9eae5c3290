import { CuttableClient } from './client.ts'
import type { ConnectionTarget, HostAddress, SessionAttrs } from './connection-target.ts'
import {
  describeFailure,
  isConnectionFailure,
  isCredentialFailure,
  unavailable,
} from './failure.ts'
import { leftBehindError, noteServer, overtakenBy, type ServerLine } from './server-history.ts'

/**
 * How long a usable host waits for the others to answer: one before it in the list goes first, and
 * one of a newer timeline proves that it was left behind. What is written to such a one is lost, so
 * the others get the time that a busy machine takes; those that refuse are not waited for.
 */
const ORDER_GRACE_MS = 1_000

/** What a server says it is. */
export interface HostRole {
  standby: boolean
  readOnly: boolean
  /** Of a primary that tells. */
  line?: ServerLine | undefined
}

interface Probe {
  address: HostAddress
  role?: HostRole
  error?: unknown
}

export interface ElectionOptions {
  connectTimeoutMs: number
  applicationName: string
  /** Default ORDER_GRACE_MS. */
  graceMs?: number
  /** A primary can't be used, because one of its standbys has been promoted; says so in plain words. */
  onLeftBehind?: (reason: string) => void
}

/** Asks a connected client what it is talking to, and remembers it of the host. */
export async function readRole(
  client: CuttableClient,
  label: string,
  deadlineAt: number,
): Promise<HostRole> {
  const { rows } = await client.queryUntil(
    deadlineAt,
    `SELECT pg_is_in_recovery() AS standby,
            current_setting('transaction_read_only') = 'on' AS "readOnly"`,
  )
  const role = rows[0] as HostRole
  if (!role.standby) role.line = await readLine(client, deadlineAt)
  noteServer(label, role.line)
  return role
}

/** Not from pg_control_checkpoint(), which has the old timeline for a while after a promotion. */
async function readLine(
  client: CuttableClient,
  deadlineAt: number,
): Promise<ServerLine | undefined> {
  try {
    const { rows } = await client.queryUntil(
      deadlineAt,
      `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system,
              substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline`,
    )
    const { system, timeline } = rows[0]
    return { system, timeline: Number.parseInt(timeline, 16) }
  } catch (error) {
    if (isConnectionFailure(error)) throw error
    // Not every hosted PostgreSQL tells: then there is nothing to compare.
    return undefined
  }
}

/** Whether a server of this role is what `target_session_attrs` asks for, and not left behind. */
export function isAcceptable(role: HostRole, session: SessionAttrs): boolean {
  return overtakenBy(role.line) === undefined && fits(role, session)
}

function fits(role: HostRole, session: SessionAttrs): boolean {
  switch (session) {
    case 'read-write':
      return !(role.standby || role.readOnly)
    case 'read-only':
      return role.standby || role.readOnly
    case 'primary':
      return !role.standby
    case 'standby':
      return role.standby
    default:
      return true
  }
}

/**
 * Finds the host to use: the first of the list with the wanted role. All are asked at once, so a
 * dead one costs nothing; one that is slow is passed over after a grace. Of primaries of the same
 * cluster only the one promoted last is used.
 * @throws StoreError GW_STORE_UNAVAILABLE, with what is wrong with each host.
 */
export async function electHost(
  target: ConnectionTarget,
  options: ElectionOptions,
): Promise<HostAddress> {
  const probes: Probe[] = target.hosts.map((address) => ({ address }))
  const clients = target.hosts.map((address) => clientFor(target, address, options))
  const { graceMs = ORDER_GRACE_MS, onLeftBehind = () => {} } = options
  try {
    return await new Promise((resolve, reject) => {
      let graceOver = false
      const decide = () => {
        const chosen = choose(probes, target.session, graceOver)
        if (chosen) resolve(chosen)
        else if (probes.every(isSettled)) reject(failure(probes, target.session))
      }
      const timer = setTimeout(() => {
        graceOver = true
        decide()
      }, graceMs)
      const settled = probes.map(async (probe, index) => {
        await fill(probe, clients[index], options.connectTimeoutMs)
        decide()
      })
      void Promise.allSettled(settled).then(() => clearTimeout(timer))
    })
  } finally {
    for (const client of clients) client.cut()
    for (const { address, role } of probes) {
      const latest = overtakenBy(role?.line)
      if (role?.line && latest !== undefined) {
        onLeftBehind(describeFailure(leftBehindError(role.line, latest), address.label))
      }
    }
  }
}

function clientFor(
  target: ConnectionTarget,
  address: HostAddress,
  options: ElectionOptions,
): CuttableClient {
  return new CuttableClient({
    application_name: options.applicationName,
    ...target.configFor(address),
  })
}

async function fill(probe: Probe, client: CuttableClient | undefined, timeoutMs: number) {
  try {
    if (client === undefined) return
    const deadlineAt = performance.now() + timeoutMs
    await client.connectUntil(deadlineAt)
    probe.role = await readRole(client, probe.address.label, deadlineAt)
  } catch (error) {
    probe.error = error
  }
}

function isSettled(probe: Probe): boolean {
  return probe.role !== undefined || probe.error !== undefined
}

function choose(
  probes: Probe[],
  session: SessionAttrs,
  graceOver: boolean,
): HostAddress | undefined {
  if (!(graceOver || probes.every(isSettled))) return undefined
  const passes: SessionAttrs[] = session === 'prefer-standby' ? ['standby', 'any'] : [session]
  for (const wanted of passes) {
    for (const probe of probes) {
      if (probe.role && isAcceptable(probe.role, wanted)) return probe.address
    }
  }
  return undefined
}

function failure(probes: Probe[], session: SessionAttrs): Error {
  const reasons = probes.map(({ address, role, error }) => {
    const latest = overtakenBy(role?.line)
    if (role === undefined) return describeFailure(error, address.label)
    if (role.line && latest !== undefined) {
      return describeFailure(leftBehindError(role.line, latest), address.label)
    }
    return `${address.label} is not ${session} (${describeRole(role)})`
  })
  return unavailable(reasons.join('; '), causeOf(probes))
}

/**
 * What decides how soon to try again: wrong credentials only if no host has answered, for one that
 * has may be promoted at any moment.
 */
function causeOf(probes: Probe[]): unknown {
  const refused = probes.find(({ error }) => isCredentialFailure(error))
  const answered = probes.some(({ role }) => role !== undefined)
  const cause =
    refused !== undefined && !answered
      ? refused
      : probes.find(({ error }) => error !== undefined && !isCredentialFailure(error))
  return cause?.error
}

function describeRole({ standby, readOnly }: HostRole): string {
  if (standby) return 'it is a standby'
  return readOnly ? 'it is read-only' : 'it is a primary'
}
