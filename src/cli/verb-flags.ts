import { parseArgs } from 'node:util'

/** The command line is wrong; `usage` says what is right. */
export class UsageError extends Error {
  readonly usage: string

  constructor(message: string, usage: string) {
    super(message)
    this.usage = usage
  }
}

export interface Flags {
  envFile: string | undefined
  json: boolean
}

/** Flags behind the verb; throws UsageError on any other. */
export function parseFlags(args: readonly string[], usage: string): Flags {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { 'env-file': { type: 'string' }, json: { type: 'boolean', default: false } },
    })
    return { envFile: values['env-file'], json: values.json }
  } catch (error) {
    throw new UsageError((error as Error).message, usage)
  }
}
