import { ConfigError } from '../model/errors.ts'
import { Type } from '../model/schema-builder.ts'
import {
  definePlugin,
  type NestedPlugin,
  type PluginInstance,
  type Reply,
  type RequestContext,
} from './contract.ts'

const schema = Type.Object(
  {
    auth_plugins: Type.Array(
      Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown()), { minProperties: 1 }),
      { minItems: 2, description: 'Configurations by plugin, tried in this order.' },
    ),
  },
  { additionalProperties: false },
)

type Choices = readonly Readonly<Record<string, Record<string, unknown>>>[]

/** An authentication plugin that may let the request in. */
type Attempt = (request: RequestContext) => Reply | undefined | Promise<Reply | undefined>

/** Lets in what one of several authentication plugins lets in. */
export default definePlugin({
  name: 'multi-auth',
  priority: 2600,
  type: 'auth',
  schema,
  nestedPlugins: ({ auth_plugins: choices }) => nestedIn(choices as Choices),
  checkConsumer() {
    const reason = 'finds no consumers by itself: configure the plugins that it runs'
    throw new ConfigError('GW_CONFIG_INVALID', reason)
  },

  create({ auth_plugins: choices }, host) {
    const attempts = nestedIn(choices).flatMap((nested) => {
      const instance = host.configure(nested)
      return instance === undefined ? [] : [attemptOf(nested.name, instance)]
    })

    function tryFrom(request: RequestContext, first: number, refusals: Reply[]): Result {
      for (let i = first; i < attempts.length; i++) {
        const result = (attempts[i] as Attempt)(request)
        if (result instanceof Promise) {
          return result.then((reply) => {
            if (reply === undefined) return undefined
            refusals.push(reply)
            return tryFrom(request, i + 1, refusals)
          })
        }
        if (result === undefined) return undefined
        refusals.push(result)
      }
      return summarise(refusals)
    }

    return { rewrite: (request) => tryFrom(request, 0, []) }
  },
})

type Result = Reply | undefined | Promise<Reply | undefined>

function nestedIn(choices: Choices): NestedPlugin[] {
  return choices
    .flatMap((choice) => Object.entries(choice))
    .map(([name, config]) => ({ name, type: 'auth', config }))
}

function attemptOf(name: string, instance: PluginInstance): Attempt {
  if (instance.rewrite !== undefined) return instance.rewrite.bind(instance)
  throw new ConfigError('GW_CONFIG_INVALID', `${name} plugin is not supported`)
}

/** Nobody was let in: all challenges. One that could not find out has the last word: it may be us. */
function summarise(refusals: readonly Reply[]): Reply {
  const failure = refusals.find(({ status }) => status >= 500)
  if (failure !== undefined) return failure
  const challenges = new Set(refusals.flatMap(challengesOf))
  const headers = { 'WWW-Authenticate': [...challenges] }
  return { status: 401, headers, body: { message: 'Authorization Failed' } }
}

function challengesOf({ headers = {} }: Reply): readonly string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    name.toLowerCase() === 'www-authenticate' ? value : [],
  )
}
