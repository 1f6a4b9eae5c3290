import { compileRegex } from '../support/regex/regex.ts'

export interface TextToChange {
  text: Uint8Array
  /** One after the other. */
  changes: readonly { pattern: string; flags: string; replacement: string; all: boolean }[]
}

/** The text, UTF-8, with patterns replaced; see compileRegex. */
export function replaceText({ text, changes }: TextToChange): Uint8Array {
  let result = Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString()
  for (const { pattern, flags, replacement, all } of changes) {
    const regex = compileRegex(pattern, flags)
    result = all ? regex.replaceAll(result, replacement) : regex.replace(result, replacement)
  }
  return Buffer.from(result)
}
