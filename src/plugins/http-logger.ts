import { ConfigError } from '../model/errors.ts'
import { Type } from '../model/schema-builder.ts'
import { definePlugin, type OutboundResponse } from './contract.ts'
import { BatchProcessor } from './logging/batch-processor.ts'
import { LogEntries } from './logging/log-entries.ts'
import {
  BATCH_METADATA_PROPERTIES,
  batchProperties,
  LOG_METADATA_PROPERTIES,
  LOG_PROPERTIES,
} from './logging/log-schema.ts'

const MS = 1_000
const DEFAULT_MAX_PENDING = 8_192
/** Of what a receiver says of a batch that it did not take. */
const MAX_REASON_LENGTH = 200

const schema = Type.Object({
  uri: Type.String({
    pattern: '^[^/]+://([\\da-zA-Z.-]+|\\[[\\da-fA-F:]+\\])(:\\d+)?',
    description: 'Where the entries go: `http://` or `https://`.',
  }),
  auth_header: Type.Optional(Type.String({ description: 'Value of the field `Authorization`.' })),
  timeout: Type.Integer({
    minimum: 1,
    default: 3,
    description: 'Seconds that the receiver may take for a batch.',
  }),
  ...LOG_PROPERTIES,
  concat_method: Type.Enum(['json', 'new_line'], {
    type: 'string',
    default: 'json',
    description: 'A batch is a JSON array, or an entry a line.',
  }),
  ssl_verify: Type.Boolean({
    default: false,
    description: 'Check the certificate of the receiver.',
  }),
  ...batchProperties('http logger'),
})

const metadataSchema = Type.Object({ ...LOG_METADATA_PROPERTIES, ...BATCH_METADATA_PROPERTIES })

/** Sends an entry for each request to an HTTP server, in batches. */
export default definePlugin({
  name: 'http-logger',
  priority: 410,
  schema,
  metadataSchema,
  encryptFields: { fields: ['auth_header'] },

  create(config, host) {
    const { concat_method: method, batch_max_size: size } = config
    checkReceiver(config.uri, config.auth_header)
    const entries = new LogEntries(config, host)
    const headers: Record<string, string> = {
      'content-type': method === 'json' ? 'application/json' : 'text/plain',
    }
    if (config.auth_header !== undefined) headers['authorization'] = config.auth_header
    const join = method === 'new_line' || size === 1 ? joinLines : joinArray
    const batches = new BatchProcessor(config, {
      plugin: 'http-logger',
      host,
      maxPending: () => Number(host.metadata()['max_pending_entries'] ?? DEFAULT_MAX_PENDING),
      async send(batch) {
        const response = await host.http.send({
          url: config.uri,
          method: 'POST',
          headers,
          body: join(batch),
          timeoutMs: config.timeout * MS,
          verifyTls: config.ssl_verify,
        })
        if (response.status >= 400) throw refused(response)
      },
    })

    return {
      access: (request) => entries.watchRequest(request),
      bodyFilter: (request, head) => entries.watchResponse(request, head),
      log(request) {
        const serverAddress = request.connection.localAddress
        const routeId = request.route?.id ?? 'no-matched'
        entries.make(request, (entry) => {
          entry['route_id'] ??= 'no-matched'
          batches.push(JSON.stringify(entry), { routeId, serverAddress })
        })
      },
      stop: () => batches.stop(),
    }
  },
})

function joinArray(entries: readonly string[]): string {
  return `[${entries.join(',')}]`
}

function joinLines(entries: readonly string[]): string {
  return entries.join('\n')
}

function refused({ status, body }: OutboundResponse): Error {
  const reason = body.toString('utf8', 0, MAX_REASON_LENGTH)
  return new Error(`the receiver answered ${status}: ${reason}`)
}

function checkReceiver(uri: string, auth: string | undefined): void {
  const url = URL.parse(uri)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError('GW_CONFIG_INVALID', 'uri must begin with http:// or https://')
  }
  if (url.username !== '' || url.password !== '') {
    throw new ConfigError('GW_CONFIG_INVALID', 'uri has user information: use auth_header')
  }
  if (auth !== undefined && !/^[\t\x20-\x7e\x80-\xff]*$/.test(auth)) {
    throw new ConfigError('GW_CONFIG_INVALID', 'auth_header has characters that no field can have')
  }
}
