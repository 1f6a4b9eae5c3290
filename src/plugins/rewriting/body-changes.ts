import { isUtf8 } from 'node:buffer'
import type { JobInput } from '../../jobs/jobs.ts'
import { ConfigError } from '../../model/errors.ts'
import { compileRegex, type Regex } from '../../support/regex/regex.ts'
import { compileReplacement, type Replacement } from '../../support/regex/replacement.ts'
import type { BodyFilter, JobRunner, RequestContext } from '../contract.ts'
import { checkReplacement } from './pattern-pair.ts'

/** One replacement in a body, as it is configured. */
export interface BodyReplacement {
  readonly regex: string
  readonly scope: string
  readonly replace: string
  /** Options of ngx.re. */
  readonly options: string
}

/** Up to here a thread would cost more than it saves (bench/jobs.ts), by engine. */
const MAX_INLINE_BYTES = { native: 65_536, linear: 1_024 }
const DEADLINE_MS = 10_000

/** Options of ngx.re that can be served. */
const FLAGS = 'ijmosuU'

type TextChange = JobInput<'replace-text'>['changes'][number]

interface Step {
  readonly regex: Regex
  readonly replacement: Replacement
  readonly all: boolean
}

/**
 * Compiles replacements; what they make of a body comes at once, or from a thread if it is large.
 * Patterns look at bytes, unless an option `u` makes characters of them (a body that is no UTF-8
 * then stays as it is).
 * @throws ConfigError
 */
export function compileBodyChanges(
  replacements: readonly BodyReplacement[],
  jobs: JobRunner,
): (body: Buffer) => Buffer | Promise<Buffer> {
  const encoding = replacements.some(({ options }) => /u/i.test(options)) ? 'utf8' : 'latin1'
  const changes = replacements.map(({ regex, scope, replace, options }) => ({
    pattern: inEncoding(regex, encoding),
    flags: options,
    replacement: inEncoding(replace, encoding),
    all: scope === 'global',
  }))
  const steps = changes.map(compileStep)
  const isNative = steps.every(({ regex }) => regex.engine === 'native')
  const maxInlineBytes = isNative ? MAX_INLINE_BYTES.native : MAX_INLINE_BYTES.linear

  async function changeLater(text: Buffer): Promise<Buffer> {
    const { buffer, byteOffset, byteLength } = await jobs.run(
      'replace-text',
      { text, changes, encoding },
      DEADLINE_MS,
    )
    return Buffer.from(buffer, byteOffset, byteLength)
  }

  return (body) => {
    if (encoding === 'utf8' && !isUtf8(body)) return body
    if (body.length > maxInlineBytes) return changeLater(body)
    let text = body.toString(encoding)
    for (const { regex, replacement, all } of steps) {
      text = all ? regex.replaceAll(text, replacement) : regex.replace(text, replacement)
    }
    return Buffer.from(text, encoding)
  }
}

function compileStep({ pattern, flags, replacement, all }: TextChange): Step {
  const unknown = [...flags].find((flag) => !FLAGS.includes(flag))
  try {
    if (unknown !== undefined) throw new Error(`unknown flag "${unknown}" (flags "${flags}")`)
    checkReplacement(replacement)
    return {
      regex: compileRegex(pattern, flags),
      replacement: compileReplacement(replacement),
      all,
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `regex "${pattern}" validation failed: ${reason}`
    throw new ConfigError('GW_CONFIG_INVALID', message, { cause })
  }
}

/** A text of the configuration in the characters that bodies are looked at in. */
function inEncoding(text: string, encoding: 'utf8' | 'latin1'): string {
  return encoding === 'utf8' ? text : Buffer.from(text).toString('latin1')
}

/** @throws Error when there is no memory left for so much of a body. */
export function mustHold(holdMemory: RequestContext['holdMemory'], bytes: number): void {
  if (!holdMemory(bytes)) throw new Error('no memory is left to hold the body')
}

/**
 * Holds a body until it is whole, then sends what `finish` makes of it. Beyond the limit, or without
 * memory for it, it fails.
 */
export function holdBody(
  limit: number,
  holdMemory: RequestContext['holdMemory'],
  finish: (body: Buffer) => Buffer | Promise<Buffer>,
): BodyFilter {
  const chunks: Buffer[] = []
  let size = 0
  return {
    transform(chunk) {
      size += chunk.length
      if (size > limit) throw new Error(`the body is larger than ${limit} bytes`)
      mustHold(holdMemory, chunk.length)
      chunks.push(chunk)
      return undefined
    },
    flush: () => finish(Buffer.concat(chunks, size)),
    stop() {
      chunks.length = 0
    },
  }
}
