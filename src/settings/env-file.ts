import { existsSync, readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'

/** One assignment of an env file. */
interface EnvEntry {
  value: string
  /** From 1. */
  line: number
}

export interface EnvFile {
  entries: Map<string, EnvEntry>
  /** The file as Node's own --env-file reads it, see load-settings.ts. */
  asReadByNode: Record<string, string | undefined>
  /** One sentence each, naming the line; no values, they may be secrets. */
  problems: string[]
}

/** What there is when there is no file. */
export const NO_ENV_FILE: EnvFile = { entries: new Map(), asReadByNode: {}, problems: [] }

/** Looked for in this order when nobody names a file; the first that exists is read. */
const DEFAULT_PATHS = ['conf/holdfast.env', '/etc/holdfast/holdfast.env']

const ASSIGNMENT = /^(?:export[ \t]+)?(?<name>[A-Za-z_]\w*)[ \t]*=(?<rest>.*)$/
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', '"': '"', '\\': '\\', $: '$' }

/** The default file that exists here, if any. */
export function findEnvFile(): string | undefined {
  return DEFAULT_PATHS.find((path) => existsSync(path))
}

/** Reads and parses a file; what cannot be read is a problem, not an exception. */
export function readEnvFile(path: string): EnvFile {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
    return parseEnvFile(text, path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reason = code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is not UTF-8' : code
    return { ...NO_ENV_FILE, problems: [`cannot read the settings file ${path}: ${reason}`] }
  }
}

/**
 * Parses `KEY=VALUE` lines: comments from `#`, single quotes (nothing inside is special), double
 * quotes (`\n \t \" \\ \$`), an optional `export`, LF or CRLF. Variables are not expanded.
 */
export function parseEnvFile(text: string, path: string): EnvFile {
  const file: EnvFile = { entries: new Map(), asReadByNode: parseEnv(text), problems: [] }
  for (const [i, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const statement = raw.trim()
    if (statement === '' || statement.startsWith('#')) continue
    try {
      addAssignment(file.entries, statement, i + 1)
    } catch (error) {
      file.problems.push(`${path} line ${i + 1}: ${(error as Error).message}`)
    }
  }
  return file
}

function addAssignment(entries: Map<string, EnvEntry>, statement: string, line: number): void {
  if (/\p{Cc}/u.test(statement.replaceAll('\t', ''))) throw new Error('has a control character')
  const parts = ASSIGNMENT.exec(statement)?.groups
  if (parts === undefined) throw new Error('is not NAME=VALUE, nor a comment that begins with #')
  const name = parts['name'] ?? ''
  const earlier = entries.get(name)
  if (earlier !== undefined) throw new Error(`${name} is already set in line ${earlier.line}`)
  entries.set(name, { value: decodeValue(name, parts['rest'] ?? ''), line })
}

function decodeValue(name: string, rest: string): string {
  const text = rest.trim()
  if (text.startsWith("'")) return decodeQuoted(name, /^'(?<value>[^']*)'(?:\s+#.*)?$/.exec(text))
  if (text.startsWith('"')) {
    const value = decodeQuoted(name, /^"(?<value>(?:[^"\\]|\\.)*)"(?:\s+#.*)?$/.exec(text))
    return value.replace(/\\(.)/g, (both, char: string) => ESCAPES[char] ?? both)
  }
  // A # begins a comment only after white space: a password may well contain one.
  const comment = rest.search(/[ \t]#/)
  return (comment === -1 ? rest : rest.slice(0, comment)).trim()
}

function decodeQuoted(name: string, match: RegExpExecArray | null): string {
  const value = match?.groups?.['value']
  if (value === undefined) throw new Error(`the quote of ${name} is not closed, or text follows it`)
  return value
}
