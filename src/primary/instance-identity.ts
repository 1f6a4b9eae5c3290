import { randomUUID } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { InstanceIdentity } from '../store/instances.ts'
import { writeFileAtomic } from '../support/atomic-file.ts'

const FILE = 'instance.json'
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/

/** The file's content: whose data directory this is. */
interface Owner extends InstanceIdentity {
  host: string
}

/**
 * Who this process reports as. The id is kept in the data directory, so that an instance stays the
 * same over restarts; a directory that was copied to another host gives a new one.
 */
export async function claimIdentity(dataDir: string, log: Logger): Promise<InstanceIdentity> {
  const run = randomUUID()
  const host = hostname()
  const owner = await readOwner(dataDir, log)
  const copied = owner !== undefined && owner.host !== host
  const id = owner === undefined || copied ? randomUUID() : owner.id
  if (copied) {
    const fields = { instance: id, before: owner.id, host, hostBefore: owner.host }
    log.warn(fields, 'data directory is of another host, taking a new instance id')
  }
  await writeOwner(dataDir, { id, run, host }, log)
  return { id, run }
}

/**
 * A new identity for a process whose id another one has claimed. It is kept, unless the other one
 * runs on this same data directory: then the file is the other's.
 */
export async function replaceIdentity(
  dataDir: string,
  { id: before, run }: InstanceIdentity,
  log: Logger,
): Promise<InstanceIdentity> {
  const owner = await readOwner(dataDir, log)
  const identity = { id: randomUUID(), run }
  const shared = owner !== undefined && owner.run !== run
  const fields = { instance: identity.id, before, sharedDataDir: shared }
  // On the same directory it is our successor in a hand-over, as a rule.
  const level = shared ? 'info' : 'warn'
  log[level](fields, 'another process runs under this instance id, taking a new one')
  if (!shared) await writeOwner(dataDir, { ...identity, host: hostname() }, log)
  return identity
}

async function readOwner(dataDir: string, log: Logger): Promise<Owner | undefined> {
  try {
    const owner = JSON.parse(await readFile(join(dataDir, FILE), 'utf8'))
    if (UUID.test(owner?.id) && typeof owner.host === 'string') return owner
    log.warn('instance id file is not valid, taking a new instance id')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    log.warn({ err: error }, 'instance id file can not be read, taking a new instance id')
  }
  return undefined
}

/** A disk that can't be written to costs the id at the next start, and nothing else. */
async function writeOwner(dataDir: string, owner: Owner, log: Logger): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true })
    await writeFileAtomic(join(dataDir, FILE), `${JSON.stringify(owner)}\n`)
  } catch (err) {
    log.warn({ err }, 'instance id can not be kept')
  }
}
