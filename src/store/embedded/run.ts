import { execFile } from 'node:child_process'

/** How a short command ended; a command that could not start has code -1. */
export interface CommandResult {
  code: number
  stdout: string
  stderr: string
}

/** Runs a command to its end, at most `timeoutMs`; never throws. */
export function run(command: readonly string[], timeoutMs = 120_000): Promise<CommandResult> {
  const [file = '', ...args] = command
  return new Promise((resolve) => {
    execFile(file, args, { timeout: timeoutMs, cwd: '/', env: commandEnv() }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, stdout: out, stderr: err === '' ? (error?.message ?? '') : err })
    })
  })
}

/**
 * Environment of PostgreSQL's programs: libpq's own variables (PGDATA, PGPORT …) of whoever
 * started us must not reach them, and messages are wanted in English.
 */
export function commandEnv(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' }
}
