import { lstat, writeFile } from 'node:fs/promises'
import { writeFileAtomic } from '../../support/atomic-file.ts'

/** Secrets that plugins keep are in a dump, in plain text. */
export const OWNER_ONLY = 0o600

/**
 * Writes to stdout (`-`) or a file, which is the old or the new one, whole. What is no plain file, such
 * as /dev/stdout or a pipe, is written into: it must not be replaced by one.
 */
export async function writeOutput(output: string, text: string): Promise<void> {
  if (output === '-') await writeToStdout(text)
  else if (await isPlainOrNew(output)) await writeFileAtomic(output, text, OWNER_ONLY)
  else await writeFile(output, text, { mode: OWNER_ONLY })
}

/** Resolves before the process may end. */
function writeToStdout(text: string): Promise<void> {
  return new Promise((resolve) => process.stdout.write(text, () => resolve()))
}

async function isPlainOrNew(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined)
  return found === undefined || found.isFile()
}
