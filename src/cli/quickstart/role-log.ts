import { join } from 'node:path'
import { Writable } from 'node:stream'
import { createLogFile } from './log-file.ts'

const LOUD_LEVELS = new Set(['warn', 'error', 'fatal'])
/** Fields of every line, or ones that only a machine reads. */
const DULL_FIELDS = new Set(['level', 'time', 'role', 'pid', 'msg', 'err', 'component'])
const MAX_LINE_CHARS = 64 * 1024

/** The log of one role. */
export interface RoleLog {
  /** A stream that takes lines; each source needs its own, or their lines would mix. */
  createStream(): Writable
  close(): Promise<void>
}

/**
 * Puts the lines of one role into `<folder>/<role>.log`, and warnings and errors also on the
 * terminal, readable: the screen of a newcomer stays clean.
 */
export function createRoleLog(folder: string, role: string): RoleLog {
  const file = createLogFile(join(folder, `${role}.log`))
  function take(line: string): void {
    file.write(`${line}\n`)
    const text = loudText(line)
    if (text !== undefined) process.stderr.write(`${role}: ${text}\n`)
  }
  return { createStream: () => createLineStream(take), close: () => file.close() }
}

function createLineStream(take: (line: string) => void): Writable {
  let rest = ''
  return new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      const lines = (rest + chunk).split('\n')
      rest = (lines.pop() ?? '').slice(0, MAX_LINE_CHARS)
      for (const line of lines) if (line !== '') take(line)
      done()
    },
    final(done) {
      if (rest !== '') take(rest)
      done()
    },
  })
}

/** What the terminal shows of a line: what is no JSON is shown as it is. Undefined: nothing. */
export function loudText(line: string): string | undefined {
  const entry = parse(line)
  if (entry === undefined) return line
  if (!LOUD_LEVELS.has(String(entry['level']))) return undefined
  const reason = (entry['err'] as { message?: string } | undefined)?.message
  const details = Object.entries(entry)
    .filter(([name, value]) => !DULL_FIELDS.has(name) && isPlain(value))
    .map(([name, value]) => `${name}=${value}`)
  const head = `${entry['level']}: ${entry['msg']}${reason === undefined ? '' : `: ${reason}`}`
  return details.length === 0 ? head : `${head} (${details.join(', ')})`
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function isPlain(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value)
}
