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
  configFile: string | undefined
  json: boolean
  undo: boolean
}

/** Flags behind the verb; throws UsageError on any other. */
export function parseFlags(args: readonly string[], usage: string): Flags {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        'env-file': { type: 'string' },
        'config-file': { type: 'string' },
        json: { type: 'boolean', default: false },
        undo: { type: 'boolean', default: false },
      },
    })
    const { 'env-file': envFile, 'config-file': configFile, json, undo } = values
    return { envFile, configFile, json, undo }
  } catch (error) {
    throw new UsageError((error as Error).message, usage)
  }
}
