import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../support/atomic-file.ts'
import type { WorkerView } from './worker-link.ts'

/** Older reports are removed. */
const MAX_REPORTS = 10
const STATUS_FIELDS = ['State', 'VmRSS', 'VmSwap', 'Threads', 'SigPnd', 'SigBlk', 'SigCgt']

/**
 * Writes down what can be known of a worker that hangs: what the kernel says of the process and, if
 * its watch thread could tell, where its event loop is. Returns the file's path. Neither the
 * environment nor any value from the process is in it.
 */
export async function writeStallReport(
  reportDir: string,
  link: WorkerView,
  silentMs: number,
): Promise<string> {
  await mkdir(reportDir, { recursive: true, mode: 0o700 })
  const process = link.pid === undefined ? {} : await processFacts(link.pid)
  const at = new Date().toISOString()
  const report = {
    at,
    worker: link.id,
    pid: link.pid,
    silentMs: Math.round(silentMs),
    startedAt: new Date(link.startedAt).toISOString(),
    revision: link.applied?.revision ?? null,
    stack: (await stackOf(reportDir, link.pid)) ?? noStackReason(process),
    process,
    lastHeartbeat: link.stats ?? null,
  }
  const path = join(reportDir, `stall-${at.replaceAll(':', '')}-${link.pid}.json`)
  await writeFileAtomic(path, `${JSON.stringify(report, null, 2)}\n`)
  await prune(reportDir)
  return path
}

function noStackReason({ state = '' }: { state?: string }): string {
  if (state.startsWith('T')) return 'not available: the process is stopped (SIGSTOP)'
  return 'not available: the event loop is in native code, or was seen too late'
}

/** What the worker's watch thread found, once. */
async function stackOf(reportDir: string, pid: number | undefined): Promise<unknown> {
  const path = join(reportDir, `stack-${pid}.json`)
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch {
    return undefined
  } finally {
    await rm(path, { force: true }).catch(() => {})
  }
}

interface ProcessFacts {
  state?: string
  [field: string]: string | undefined
}

/** From /proc, where there is one. */
async function processFacts(pid: number): Promise<ProcessFacts> {
  const [status, waitsIn, kernelStack] = await Promise.all(
    ['status', 'wchan', 'stack'].map((name) => readProc(pid, name)),
  )
  const fields = new Map(
    (status ?? '').split('\n').map((line) => line.split(':\t') as [string, string | undefined]),
  )
  const facts: ProcessFacts = {}
  for (const name of STATUS_FIELDS) {
    const value = fields.get(name)?.trim()
    if (value !== undefined) facts[name === 'State' ? 'state' : name] = value
  }
  if (waitsIn) facts['waitsIn'] = waitsIn
  if (kernelStack) facts['kernelStack'] = kernelStack
  return facts
}

async function readProc(pid: number, name: string): Promise<string | undefined> {
  // `stack` is for root only; without /proc there is nothing.
  return readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => undefined)
}

async function prune(reportDir: string): Promise<void> {
  const names = (await readdir(reportDir)).filter((name) => name.startsWith('stall-')).sort()
  const stacks = (await readdir(reportDir)).filter((name) => name.startsWith('stack-'))
  const tooMany = [...names.slice(0, -MAX_REPORTS), ...stacks.slice(0, -MAX_REPORTS)]
  await Promise.all(tooMany.map((name) => rm(join(reportDir, name), { force: true })))
}
