import { ConfigError } from '../model/errors.ts'
import { Type } from '../model/schema-builder.ts'
import { checkExpression, compileExpression } from '../support/expression/expression.ts'
import { definePlugin, type PluginHost, type RequestContext } from './contract.ts'
import { LogEntries } from './logging/log-entries.ts'
import { type LogFileUse, useLogFile } from './logging/log-files.ts'
import { LOG_METADATA_PROPERTIES, LOG_PROPERTIES } from './logging/log-schema.ts'

const path = Type.Optional(
  Type.String({ minLength: 1, description: 'The file that entries are appended to.' }),
)

const schema = Type.Object({
  path,
  ...LOG_PROPERTIES,
  match: Type.Optional(
    Type.Array(Type.Array(Type.Unknown()), {
      maxItems: 20,
      description: 'Lists of conditions: requests that meet one of the lists are logged.',
    }),
  ),
})

const metadataSchema = Type.Object({ path, ...LOG_METADATA_PROPERTIES })

/** Appends an entry for each request to a file, as a line of JSON. */
export default definePlugin({
  name: 'file-logger',
  priority: 399,
  schema,
  metadataSchema,

  create(config, host) {
    const matches = compileMatch(config.match)
    const entries = new LogEntries(config, host)
    const target = new Target(config.path, host)

    return {
      access: (request) => entries.watchRequest(request),
      bodyFilter: (request, head) => entries.watchResponse(request, head),
      log(request) {
        if (!matches(request)) return
        entries.make(request, (entry) => target.append(JSON.stringify(entry)))
      },
      stop: () => target.stop(),
    }
  },
})

/** Where the entries go: the file of the configuration, or the one that the metadata name now. */
class Target {
  readonly #path: string | undefined
  readonly #host: PluginHost
  #file: LogFileUse | undefined
  #stopped = false
  #complained = false

  constructor(configured: string | undefined, host: PluginHost) {
    this.#path = configured
    this.#host = host
  }

  append(line: string): void {
    const current = this.#path ?? this.#host.metadata()['path']
    if (typeof current !== 'string') {
      this.#complain()
      return
    }
    if (this.#file?.path !== current) {
      this.#file?.release()
      this.#file = useLogFile(current, 'file-logger', this.#host)
    }
    this.#file.append(line)
    // An entry of a request that was under way when the instance ended.
    if (this.#stopped) this.stop()
  }

  stop(): void {
    this.#stopped = true
    this.#file?.release()
    this.#file = undefined
  }

  #complain(): void {
    if (this.#complained) return
    this.#complained = true
    this.#host.log.error('property "path" is not set in either the plugin conf or the metadata')
  }
}

function compileMatch(match: readonly unknown[] | undefined): (request: RequestContext) => boolean {
  if (match === undefined) return () => true
  const lists = match.map((conditions) => {
    const problem = checkExpression(conditions)
    if (problem === undefined) return compileExpression(conditions)
    const message = `failed to validate the 'match' expression: ${problem}`
    throw new ConfigError('GW_CONFIG_INVALID', message)
  })
  return (request) => lists.some((holds) => holds(request))
}
