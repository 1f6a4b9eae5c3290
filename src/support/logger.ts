import { pino } from 'pino'
import { flushLogFiles, LogFile, lostLogLines } from './log-file.ts'

export type Logger = pino.Logger

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

/** Values under these keys never reach the log, at the top of a line or up to two levels down. */
const SECRET_KEYS = [
  'password',
  'secret',
  'token',
  'adminKey',
  'adminApi',
  'admin_key',
  'apiKey',
  'accessKey',
  'secretKey',
  'privateKey',
  'private_key',
  'client_key',
  'keyring',
  'databaseUrl',
  'databaseListenUrl',
  'connectionString',
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'HOLDFAST_ADMIN_KEY',
  'HOLDFAST_ADMIN_KEYS',
  'HOLDFAST_DATABASE_URL',
  'HOLDFAST_DATABASE_LISTEN_URL',
  'HOLDFAST_KEYRING',
]

/** What may wait for a reader that does not read; a log line beyond it is dropped and counted. */
const MAX_BUFFERED_BYTES = 1024 * 1024

/** How long a process that ends waits for the reader of its log. */
const FLUSH_DEADLINE_MS = 500

interface LoggerOptions {
  /** One of LOG_LEVELS. */
  level: string
  /** Which process speaks: gateway, worker, control, quickstart. */
  role: string
  /** Further fields of every line, such as the worker's number. */
  base?: Record<string, unknown>
  /** A file to append to instead of stdout; see log-file.ts. */
  file?: string | undefined
  /** Where the lines go; stdout unless told (tests). */
  stream?: LogStream
}

type LogStream = NodeJS.WritableStream & { readonly writableLength: number }

let droppedLines = 0

/** Lines lost since the process started: nobody read them, or the log file could not be written. */
export function droppedLogLines(): number {
  return droppedLines + lostLogLines()
}

/**
 * A pino logger writing one JSON object a line. It never blocks on a slow reader and survives a
 * closed pipe or a full disk: the lines are lost, the process goes on.
 */
export function createLogger({
  level,
  role,
  base,
  file,
  stream = file === undefined ? process.stdout : new LogFile(file),
}: LoggerOptions): Logger {
  // EPIPE, ENOSPC: a log that cannot be written must not end the process.
  if (!stream.listeners('error').includes(ignoreError)) stream.on('error', ignoreError)
  return pino(
    {
      level,
      base: { role, pid: process.pid, ...base },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_KEYS.flatMap(redactPaths), censor: '[redacted]' },
    },
    boundedStream(stream),
  )
}

/**
 * Resolves when stdout and the log files have taken all lines, or after half a second: wait for it
 * before process.exit, which throws away what has not been taken yet.
 */
export async function flushLogs(): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, FLUSH_DEADLINE_MS)
  await Promise.race([late, Promise.all([flushStdout(), flushLogFiles()])])
  clearTimeout(timer)
}

function flushStdout(): Promise<void> {
  if (process.stdout.writableLength === 0) return Promise.resolve()
  return new Promise((resolve) => {
    process.stdout.write('', () => resolve())
  })
}

/**
 * Not pino's own destination: sonic-boom writes to a pipe from the thread pool, where a reader
 * that stops reading holds one of four threads, and process.exit joins them all. A pipe that is
 * process.stdout is non-blocking, its write happens at once while there is room.
 */
function boundedStream(stream: LogStream): pino.DestinationStream {
  return {
    write(line) {
      if (stream.writableLength > MAX_BUFFERED_BYTES) droppedLines++
      else stream.write(line)
    },
  }
}

function ignoreError(): void {}

/** pino's redaction takes paths, not keys; brackets because header names have hyphens. */
function redactPaths(key: string): string[] {
  return [`["${key}"]`, `*["${key}"]`, `*.*["${key}"]`]
}
