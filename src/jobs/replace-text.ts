import { compileRegex } from '../support/regex/regex.ts'

export interface TextToChange {
  text: Uint8Array
  /** `latin1`: a character a byte, for patterns that look at bytes. Default UTF-8. */
  encoding?: 'utf8' | 'latin1'
  /** One after the other. */
  changes: readonly { pattern: string; flags: string; replacement: string; all: boolean }[]
}

/** The text with patterns replaced; see compileRegex. */
export function replaceText({ text, encoding = 'utf8', changes }: TextToChange): Uint8Array {
  let result = Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString(encoding)
  for (const { pattern, flags, replacement, all } of changes) {
    const regex = compileRegex(pattern, flags)
    result = all ? regex.replaceAll(result, replacement) : regex.replace(result, replacement)
  }
  return Buffer.from(result, encoding)
}
