import { Type } from '../model/schema-builder.ts'
import { definePlugin, type PluginHost, type RequestContext } from './contract.ts'

/** A larger body is not mirrored: it would have to be held in memory. */
const MAX_BODY_BYTES = 1024 * 1024
/** Copies under way of one route and worker; more are dropped: a slow mirror must not fill the memory. */
const MAX_PENDING = 256

const schema = Type.Object({
  host: Type.String({
    pattern: '^https?:\\/\\/([\\da-zA-Z.-]+|\\[[\\da-fA-F:]+\\])(:\\d+)?$',
    description: 'Where the copies go: scheme, host and port, such as `http://127.0.0.1:9797`.',
  }),
  path: Type.Optional(
    Type.String({
      pattern: '^/[^?&]+$',
      description: "Path of the copies; the request's if absent.",
    }),
  ),
  path_concat_mode: Type.Enum(['replace', 'prefix'], {
    type: 'string',
    default: 'replace',
    description: "`path` in place of the request's, or before it.",
  }),
  sample_ratio: Type.Number({
    minimum: 0.00001,
    maximum: 1,
    default: 1,
    description: 'Share of the requests that are copied.',
  }),
})

/** Sends a copy of requests elsewhere; what is answered there is dropped, and delays nobody. */
export default definePlugin({
  name: 'proxy-mirror',
  priority: 1_010,
  schema,

  create({ host: origin, path, path_concat_mode: mode, sample_ratio: ratio }, host) {
    const mirror = new Mirror(host)

    return {
      beforeProxy(request) {
        if (ratio < 1 && Math.random() >= ratio) return undefined
        mirror.copy(request, origin + mirrorTarget(request, path, mode))
        return undefined
      },
    }
  },
})

function mirrorTarget(
  request: RequestContext,
  path: string | undefined,
  mode: 'replace' | 'prefix',
): string {
  if (path === undefined) return request.forwardTarget
  if (mode === 'prefix') return path + request.forwardTarget
  return request.query === '' ? path : `${path}?${request.query}`
}

class Mirror {
  readonly #host: PluginHost
  #pending = 0

  constructor(host: PluginHost) {
    this.#host = host
  }

  copy(request: RequestContext, url: string): void {
    if (this.#pending >= MAX_PENDING) return
    const { method } = request
    const headers = ['Host', request.forwardHost ?? request.authority, ...mirrored(request.headers)]
    if (!request.hasBody) {
      this.#send(url, method, headers, undefined)
      return
    }
    this.#pending++
    const chunks: Buffer[] = []
    let size = 0
    request.observeBody({
      onData: (chunk) => {
        size += chunk.length
        if (size <= MAX_BODY_BYTES) chunks.push(chunk)
        else chunks.length = 0
      },
      onEnd: () => {
        this.#pending--
        if (size <= MAX_BODY_BYTES) this.#send(url, method, headers, Buffer.concat(chunks))
      },
      onError: () => {
        this.#pending--
      },
    })
  }

  #send(url: string, method: string, headers: string[], body: Buffer | undefined): void {
    this.#pending++
    this.#host.http
      .send({ url, method, headers, body, verifyTls: false })
      .catch((err: unknown) => this.#host.log.debug({ err }, 'request not mirrored'))
      .finally(() => {
        this.#pending--
      })
  }
}

/** Without what frames the body: the copy has its own. */
function mirrored(headers: readonly string[]): string[] {
  const result: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    if (!/^(?:host|content-length|expect)$/i.test(name)) result.push(name, headers[i + 1] as string)
  }
  return result
}
