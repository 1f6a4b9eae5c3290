import { chown, lstat, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { GatewayError } from '../../model/errors.ts'
import type { PostgresBinaries } from './binaries.ts'
import { run } from './run.ts'

const ACCOUNT = 'holdfast-postgres'

/** Who runs PostgreSQL: a command line is put behind `prefix`, files belong to `owner`. */
export interface PostgresAccount {
  prefix: readonly string[]
  /** Undefined = our own user. */
  owner: { uid: number; gid: number } | undefined
  /** Set when PostgreSQL keeps this capability, to reach folders that its user cannot enter. */
  capability?: string
}

/**
 * Chooses the account. PostgreSQL refuses root, so as root it runs as the owner of an existing
 * cluster, else as the system user `holdfast-postgres`, created when missing.
 * `dataDir` must exist; as root it is handed to that user.
 * @throws GatewayError GW_EMBEDDED_DATABASE that says which folder is in the way, and what to do.
 */
export async function choosePostgresAccount(
  dataDir: string,
  binaries: PostgresBinaries,
): Promise<PostgresAccount> {
  if (process.getuid?.() !== 0) return { prefix: await deathSignalPrefix(), owner: undefined }

  const owner = (await ownerOfCluster(dataDir)) ?? (await systemUser())
  await chown(dataDir, owner.uid, owner.gid)
  return withReach(owner, dataDir, binaries)
}

/** Without setpriv (macOS) an orphaned server is dealt with at the next start instead. */
async function deathSignalPrefix(): Promise<string[]> {
  const prefix = ['setpriv', '--pdeathsig', 'INT', '--']
  const { code } = await run([...prefix, 'true'])
  return code === 0 ? prefix : []
}

/** A data folder may come from another machine, where the account had another number. */
async function ownerOfCluster(dataDir: string): Promise<PostgresAccount['owner']> {
  try {
    const { uid, gid } = await lstat(join(dataDir, 'cluster', 'PG_VERSION'))
    return uid === 0 ? undefined : { uid, gid }
  } catch {
    return undefined
  }
}

async function systemUser(): Promise<{ uid: number; gid: number }> {
  const existing = await idsOf(ACCOUNT)
  if (existing !== undefined) return existing
  const nologin = '/usr/sbin/nologin'
  const created = await run([
    ...['useradd', '--system', '--no-create-home', '--user-group', '--shell', nologin],
    ACCOUNT,
  ])
  // Two first starts may race for it: what counts is that the user is there now.
  const user = await idsOf(ACCOUNT)
  if (user !== undefined) return user
  throw new GatewayError(
    'GW_EMBEDDED_DATABASE',
    `PostgreSQL does not run as root and its system user ${ACCOUNT} could not be created ` +
      `(${lastLine(created.stderr)}); create it (useradd --system ${ACCOUNT}), start as another user, ` +
      'or set HOLDFAST_DATABASE_URL to a PostgreSQL of your own',
  )
}

async function idsOf(user: string): Promise<{ uid: number; gid: number } | undefined> {
  const [uid, gid] = await Promise.all([run(['id', '-u', user]), run(['id', '-g', user])])
  if (uid.code !== 0 || gid.code !== 0) return undefined
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
}

/**
 * Our tree may lie where that user cannot go (/root with mode 0700). Then PostgreSQL keeps the
 * capability to pass folders, and no other. Containers often grant only the wider DAC_OVERRIDE.
 */
async function withReach(
  owner: { uid: number; gid: number },
  dataDir: string,
  binaries: PostgresBinaries,
): Promise<PostgresAccount> {
  const problems: string[] = []
  for (const capability of [undefined, 'dac_read_search', 'dac_override']) {
    const prefix = setprivPrefix(owner, capability)
    const check = 'test -r "$1" && test -x "$2" && cd "$3" && test -w . && exec "$2" --version'
    const share = join(binaries.root, 'share')
    const { code, stderr } = await run([
      ...[...prefix, 'sh', '-c', check, 'sh', share, binaries.postgres, dataDir],
    ])
    if (code === 0) return { prefix, owner, ...(capability && { capability }) }
    problems.push(lastLine(stderr))
  }
  const blocked = (await unreachable(owner, binaries.root)) ?? (await unreachable(owner, dataDir))
  throw new GatewayError(
    'GW_EMBEDDED_DATABASE',
    blocked === undefined
      ? `PostgreSQL cannot run as user ${owner.uid}: ${problems.find((text) => text !== '') ?? 'no reason given'}`
      : `PostgreSQL runs as user ${owner.uid} (it refuses root), which cannot enter ${blocked}; ` +
          `allow it (chmod o+x ${blocked}), install elsewhere, move HOLDFAST_DATA_DIR, ` +
          'or set HOLDFAST_DATABASE_URL to a PostgreSQL of your own',
  )
}

/**
 * `no_setuid_fixup`: access(2) of a non-root user ignores capabilities without it, and
 * PostgreSQL looks for its own executable with access(2).
 */
function setprivPrefix(owner: { uid: number; gid: number }, capability?: string): string[] {
  const identity = [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups']
  const kept = capability === undefined ? '-all' : `-all,+${capability}`
  const capabilities = [
    ...[`--inh-caps=${kept}`, `--ambient-caps=${kept}`, `--bounding-set=${kept}`],
    ...(capability === undefined ? [] : ['--securebits=+no_setuid_fixup']),
  ]
  return ['setpriv', ...identity, ...capabilities, '--pdeathsig=INT', '--']
}

/** First folder on the way to `path` that the user may not pass; access lists are not considered. */
async function unreachable(
  owner: { uid: number; gid: number },
  path: string,
): Promise<string | undefined> {
  for (const folder of ancestors(path)) {
    const { mode, uid, gid } = await stat(folder)
    const bit = uid === owner.uid ? 0o100 : gid === owner.gid ? 0o010 : 0o001
    if ((mode & bit) === 0) return folder
  }
  return undefined
}

function ancestors(path: string): string[] {
  const parent = dirname(path)
  return parent === path ? [path] : [...ancestors(parent), path]
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
