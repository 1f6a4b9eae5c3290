import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** What a Holdfast process gets of our environment. */
export const INHERITED: Readonly<Record<string, string>> = Object.fromEntries(
  ['PATH', 'HOME', 'NODE_COMPILE_CACHE'].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  }),
)

/** A line that a Holdfast process logged. */
export interface LogLine {
  level: string
  msg: string
  [field: string]: unknown
}

/** A running `holdfast` process, observed through its log and its exit. */
export interface HoldfastProcess {
  readonly child: ChildProcess
  readonly lines: readonly LogLine[]
  /** All that was written to stderr. */
  readonly stderr: () => string
  /** Resolves with the first line, past or future, that `accept` takes; rejects at the deadline. */
  waitForLog(accept: string | ((line: LogLine) => boolean), deadlineMs?: number): Promise<LogLine>
  /** Resolves with the exit code, or the signal that ended the process. */
  readonly exited: Promise<number | string>
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | string>
}

/**
 * Starts `holdfast <args>` with only these settings, and these descriptors from number 3 on; killed
 * when the test ends.
 */
export function startHoldfast(
  t: TestContext,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  inherit: readonly number[] = [],
): HoldfastProcess {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...INHERITED, ...env },
    stdio: ['ignore', 'pipe', 'pipe', ...inherit],
  }) as ChildProcess & { stdout: Readable; stderr: Readable }
  const lines: LogLine[] = []
  const events = new EventEmitter().setMaxListeners(0)
  let errorText = ''
  createInterface({ input: child.stdout }).on('line', (written) => {
    const line = parseLine(written)
    lines.push(line)
    events.emit('line', line)
  })
  child.stderr.on('data', (chunk) => {
    errorText += chunk
  })
  const exited = once(child, 'exit').then(([code, signal]) => code ?? signal)
  t.after(async () => {
    // A worker that hangs would outlive its primary.
    for (const pid of childrenOf(child.pid)) endProcess(pid)
    child.kill('SIGKILL')
    await exited
  })

  async function waitForLog(
    accept: string | ((line: LogLine) => boolean),
    deadlineMs = 60_000,
  ): Promise<LogLine> {
    const fits = typeof accept === 'string' ? (line: LogLine) => line.msg === accept : accept
    const found = lines.find(fits)
    if (found !== undefined) return found
    const { promise, resolve, reject } = Promise.withResolvers<LogLine>()
    const onLine = (line: LogLine) => fits(line) && resolve(line)
    events.on('line', onLine)
    const tail = () =>
      `${lines
        .map((line) => JSON.stringify(line))
        .slice(-15)
        .join('\n')}\n${errorText}`
    const timer = setTimeout(() => {
      reject(new Error(`no log line ${String(accept)} within ${deadlineMs} ms; last:\n${tail()}`))
    }, deadlineMs)
    void exited.then((code) => {
      reject(new Error(`exited with ${code} before log line ${String(accept)}; last:\n${tail()}`))
    })
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      events.off('line', onLine)
    }
  }

  return {
    child,
    lines,
    stderr: () => errorText,
    waitForLog,
    exited,
    async stop() {
      child.kill('SIGTERM')
      return exited
    },
  }
}

/** What a verb that comes to its end has said. */
export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs `holdfast <args>` to its end, with only these settings. */
export async function runHoldfast(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...INHERITED, HOLDFAST_ENV_FILE: '/dev/null', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  })
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { code, stdout, stderr }
}

/** Processes that this one has started; none where /proc does not tell. */
function childrenOf(pid: number | undefined): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
  } catch {
    return []
  }
}

/** Kills a process that may be gone already. */
export function endProcess(pid: number): void {
  try {
    if (pid > 0) process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function parseLine(written: string): LogLine {
  try {
    return JSON.parse(written)
  } catch {
    return { level: 'text', msg: written }
  }
}
