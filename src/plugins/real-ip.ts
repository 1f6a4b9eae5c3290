import { isIP } from 'node:net'
import { Type } from '../model/schema-builder.ts'
import { fieldValues } from '../support/header-fields.ts'
import { compileIpSet } from '../support/ip-set.ts'
import { compileVariable, needsBody } from '../support/variables/variable.ts'
import { definePlugin, type RequestContext } from './contract.ts'

const schema = Type.Object({
  source: Type.String({
    minLength: 1,
    description: 'Variable with the address, such as `http_x_forwarded_for` or `arg_realip`.',
  }),
  trusted_addresses: Type.Optional(
    Type.Array(Type.String(), {
      minItems: 1,
      description: 'Peers that are believed, as addresses and CIDRs; without it, all.',
    }),
  ),
  recursive: Type.Boolean({
    default: false,
    description: 'Take the last address of X-Forwarded-For that is not trusted.',
  }),
})

/** Takes the address of the client from what a proxy in front of us says of it. */
export default definePlugin({
  name: 'real-ip',
  priority: 23_000,
  schema,

  create({ source, trusted_addresses: trusted, recursive }) {
    const isTrusted = trusted === undefined ? undefined : compileIpSet(trusted)
    const read =
      source === 'http_x_forwarded_for'
        ? (request: RequestContext) => lastForwarded(request, recursive ? isTrusted : undefined)
        : compileVariable(source)

    return {
      readsBody: needsBody(source),
      rewrite(request) {
        if (isTrusted !== undefined && !isTrusted(request.remoteAddress)) return undefined
        const address = parseAddress(read(request)?.trim() ?? '')
        if (address === undefined) return undefined
        request.remoteAddress = address.ip
        if (address.port !== undefined) request.remotePort = address.port
        return undefined
      },
    }
  },
})

/** The last entry of X-Forwarded-For; with `isTrusted` the last that is not, or else the first. */
function lastForwarded(
  request: RequestContext,
  isTrusted: ((address: string) => boolean) | undefined,
): string | undefined {
  const field = fieldValues(request.receivedHeaders, 'x-forwarded-for').at(-1)
  const entries = field?.split(',').map((entry) => entry.trim()) ?? []
  if (isTrusted === undefined) return entries.at(-1)
  return entries.findLast((entry) => !isTrusted(parseAddress(entry)?.ip ?? '')) ?? entries[0]
}

/** `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]`, `[::1]:80`; undefined for anything else. */
function parseAddress(text: string): { ip: string; port: number | undefined } | undefined {
  if (isIP(text) !== 0) return { ip: text, port: undefined }
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const ip = bracketed ?? plain ?? ''
  if (isIP(ip) !== (bracketed === undefined ? 4 : 6)) return undefined
  const port = digits === undefined ? undefined : Number(digits)
  return port !== undefined && (port < 1 || port > 65_535) ? undefined : { ip, port }
}
