import { ConfigError } from '../../model/errors.ts'
import type { RequestContext } from '../../model/request-context.ts'
import {
  checkExpression,
  compileExpression,
  type Expression,
  expressionNeedsBody,
} from '../../support/expression/expression.ts'
import { fieldValue } from '../../support/header-fields.ts'
import type { BodyFilter, PluginHost, ResponseHead } from '../contract.ts'
import { CapturedBody, readable } from './captured-body.ts'
import { defaultEntry } from './default-entry.ts'
import {
  compileLogFormat,
  type LogFormat,
  type LoggedBodies,
  showsRequestBody,
} from './log-format.ts'
import type { LogConfig } from './log-schema.ts'
import { forgetLog, rememberLog } from './pending-logs.ts'

type Entry = Record<string, unknown>
type Format = Readonly<Record<string, unknown>>

/** Bodies that conditions ask for are held in memory to this size; of larger ones nothing is known. */
const MAX_READ_BYTES = 1024 * 1024

/** What was seen of one request's bodies. */
interface Captured {
  request: CapturedBody | undefined
  response: CapturedBody | undefined
  encoding: string | undefined
}

/** The formats that the metadata say; compiled when they change. */
interface MetadataFormats {
  readonly metadata: Format
  readonly custom: LogFormat | undefined
  readonly extra: LogFormat | undefined
  readonly showsRequestBody: boolean
}

/** Makes the entries of one instance of a logger: what they show, and of which requests. */
export class LogEntries {
  readonly #config: LogConfig
  readonly #host: PluginHost
  readonly #custom: LogFormat | undefined
  readonly #extra: LogFormat | undefined
  readonly #requestCondition: Expression
  readonly #responseCondition: Expression
  readonly #needsBody: boolean
  readonly #showsRequestBody: boolean
  readonly #captured = new WeakMap<RequestContext, Captured>()
  #formats: MetadataFormats | undefined

  /** @throws ConfigError */
  constructor(config: LogConfig, host: PluginHost) {
    this.#config = config
    this.#host = host
    const { log_format: format, log_format_extra: extra } = config
    this.#custom = format && compileLogFormat(format)
    this.#extra = extra && compileLogFormat(extra)
    this.#requestCondition = compileCondition('include_req_body_expr', config)
    this.#responseCondition = compileCondition('include_resp_body_expr', config)
    this.#needsBody =
      expressionNeedsBody(config.include_req_body_expr) ||
      expressionNeedsBody(config.include_resp_body_expr)
    this.#showsRequestBody = showsRequestBody(format ?? extra)
  }

  /** For `access`: sees to it that the request's body is seen if the entry is to show it. */
  watchRequest(request: RequestContext): Promise<undefined> | undefined {
    if (!request.hasBody) return undefined
    if (!this.#needsBody || !isSmall(request)) {
      this.#observe(request)
      return undefined
    }
    return request.readBody(MAX_READ_BYTES).then(() => {
      this.#observe(request)
      return undefined
    })
  }

  /** For `bodyFilter`. */
  watchResponse(request: RequestContext, head: ResponseHead): BodyFilter | undefined {
    if (!this.#config.include_resp_body) return undefined
    // A format of its own shows no response body.
    if ((this.#custom ?? this.#metadataFormats().custom) !== undefined) return undefined
    const captured = this.#capturedOf(request)
    captured.encoding = fieldValue(head.headers, 'content-encoding')
    // The status is known once the first piece comes.
    let wanted: boolean | undefined
    return {
      observesOnly: true,
      transform: (chunk) => {
        wanted ??= this.#responseCondition(request)
        if (wanted) {
          captured.response ??= captureBody(request, this.#config.max_resp_body_bytes)
          captured.response.add(chunk)
        }
        return chunk
      },
    }
  }

  /** For `log`: hands the entry on, at once unless a body must be decompressed. */
  make(request: RequestContext, use: (entry: Entry) => void): void {
    const captured = this.#captured.get(request)
    const bodies = {
      request: (captured?.request?.bytes ?? this.#wholeBody(request))?.toString(),
      response: undefined,
    }
    if (captured?.response === undefined) {
      use(this.#entry(request, bodies))
      return
    }
    const { response, encoding } = captured
    const text = readable(response.bytes, encoding, this.#config.max_resp_body_bytes)
    if (typeof text === 'string') {
      use(this.#entry(request, { ...bodies, response: text }))
      return
    }
    // The entry is made now: sizes and times are those of this moment.
    const entry = this.#entry(request, { ...bodies, response: '' })
    const made = text.then((decoded) => {
      const part = entry['response']
      if (typeof part === 'object' && part !== null && 'body' in part) part.body = decoded
      use(entry)
    })
    const pending = { drain: () => made, giveUp() {} }
    rememberLog(pending)
    void made.finally(() => forgetLog(pending))
  }

  #entry(request: RequestContext, bodies: LoggedBodies): Entry {
    const formats = this.#metadataFormats()
    const custom = this.#custom ?? formats.custom
    if (custom !== undefined) {
      const entry = custom(request, bodies)
      if (request.route !== undefined) {
        entry['service_id'] = request.route.serviceId
        entry['route_id'] = request.route.id
      }
      return entry
    }
    const shown = this.#config.include_req_body ? bodies : { ...bodies, request: undefined }
    const entry = defaultEntry(request, shown, this.#host.now())
    const extra = this.#extra ?? formats.extra
    return extra === undefined ? entry : { ...extra(request, bodies), ...withoutGaps(entry) }
  }

  #metadataFormats(): MetadataFormats {
    const metadata = this.#host.metadata()
    if (this.#formats?.metadata === metadata) return this.#formats
    const { log_format: format, log_format_extra: extra } = metadata as Record<string, Format>
    this.#formats = {
      metadata,
      custom: isEmpty(format) ? undefined : this.#compiled(format),
      extra: isEmpty(extra) ? undefined : this.#compiled(extra),
      showsRequestBody: showsRequestBody(format) || showsRequestBody(extra),
    }
    return this.#formats
  }

  #compiled(format: Format): LogFormat | undefined {
    try {
      return compileLogFormat(format)
    } catch (err) {
      this.#host.log.error({ err }, 'log format of the metadata not used')
      return undefined
    }
  }

  #observe(request: RequestContext): void {
    const wanted = this.#config.include_req_body
      ? this.#requestCondition(request)
      : this.#showsRequestBody || this.#metadataFormats().showsRequestBody
    if (!wanted) return
    const body = captureBody(request, this.#config.max_req_body_bytes)
    this.#capturedOf(request).request = body
    request.observeBody({ onData: (chunk) => body.add(chunk), onEnd() {}, onError() {} })
  }

  /** What a plugin has read of a request that was answered without a node. */
  #wholeBody(request: RequestContext): Buffer | undefined {
    const { include_req_body: included, max_req_body_bytes: maxBytes } = this.#config
    if (!included && !this.#showsRequestBody) return undefined
    if (included && !this.#requestCondition(request)) return undefined
    return request.bodyBytes?.subarray(0, maxBytes)
  }

  #capturedOf(request: RequestContext): Captured {
    const known = this.#captured.get(request)
    if (known !== undefined) return known
    const captured = { request: undefined, response: undefined, encoding: undefined }
    this.#captured.set(request, captured)
    return captured
  }
}

function captureBody(request: RequestContext, maxBytes: number): CapturedBody {
  return new CapturedBody(maxBytes, (bytes) => request.holdMemory(bytes))
}

function compileCondition(
  name: 'include_req_body_expr' | 'include_resp_body_expr',
  config: LogConfig,
): Expression {
  const conditions = config[name]
  const problem = checkExpression(conditions)
  if (problem === undefined) return compileExpression(conditions)
  const message = `failed to validate the '${name}' expression: ${problem}`
  throw new ConfigError('GW_CONFIG_INVALID', message)
}

/** A body that is announced as large, or not announced, is not held up. */
function isSmall({ receivedHeaders, bodyBytes }: RequestContext): boolean {
  const length = fieldValue(receivedHeaders, 'content-length')
  return bodyBytes !== undefined || (length !== undefined && Number(length) <= MAX_READ_BYTES)
}

function isEmpty(format: Format | undefined): format is undefined {
  return format === undefined || Object.keys(format).length === 0
}

function withoutGaps(entry: Entry): Entry {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined))
}
