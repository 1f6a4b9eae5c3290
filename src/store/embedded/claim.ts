import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GatewayError } from '../../model/errors.ts'

/**
 * Claims `dataDir` for this process, so that two starts never fight over one cluster. A claim
 * dies with its process.
 * @returns the release.
 * @throws GatewayError GW_EMBEDDED_DATABASE when a living process holds it.
 */
export async function claimDataDir(dataDir: string): Promise<() => Promise<void>> {
  const file = join(dataDir, 'owner')
  const mine = `${process.pid} ${await startTime(process.pid)}`
  const draft = `${file}.${process.pid}`
  await writeFile(draft, mine)
  try {
    // link(2) creates the file with its content, or fails: nobody ever reads half a claim.
    while (!(await linked(draft, file))) {
      const holder = await readFile(file, 'utf8').catch(() => '')
      if (await isAlive(holder)) throw inUse(dataDir, holder)
      await rm(file, { force: true })
    }
  } finally {
    await rm(draft, { force: true })
  }
  return () => rm(file, { force: true }).catch(() => {})
}

async function linked(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function inUse(dataDir: string, holder: string): GatewayError {
  return new GatewayError(
    'GW_EMBEDDED_DATABASE',
    `${dataDir} is in use by process ${holder.split(' ')[0]}; stop it, or choose another HOLDFAST_DATA_DIR`,
  )
}

/** Process ids are reused: the start time tells the holder from a later process of its number. */
async function isAlive(holder: string): Promise<boolean> {
  const [pid, startedAt = ''] = holder.trim().split(' ')
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return (await startTime(Number(pid))) === startedAt
}

/**
 * Start time in clock ticks since boot: field 22 of proc(5) stat. Empty for a zombie (in a container
 * nobody may ever reap it) and where there is no /proc.
 */
async function startTime(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' ? '' : (fields[18] ?? '')
  } catch {
    return ''
  }
}
