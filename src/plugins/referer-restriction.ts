import { Type } from '../model/schema-builder.ts'
import { Host } from '../model/schemas/fragments.ts'
import { fieldValue } from '../support/header-fields.ts'
import { definePlugin, type Reply } from './contract.ts'

const Hosts = Type.Array(Host, { minItems: 1 })

const schema = Type.Object(
  {
    bypass_missing: Type.Boolean({
      default: false,
      description: 'Let requests pass whose Referer is missing or malformed.',
    }),
    whitelist: Type.Optional({
      ...Hosts,
      description: 'Hosts that may refer; `*.a.com` is a suffix.',
    }),
    blacklist: Type.Optional({ ...Hosts, description: 'Hosts that may not refer.' }),
    message: Type.String({
      minLength: 1,
      maxLength: 1024,
      default: 'Your referer host is not allowed',
    }),
  },
  {
    oneOf: [
      { type: 'object', required: ['whitelist'] },
      { type: 'object', required: ['blacklist'] },
    ],
  },
)

/** Lets requests pass by the host in their Referer. */
export default definePlugin({
  name: 'referer-restriction',
  priority: 2_990,
  schema,

  create({ bypass_missing: bypass, whitelist, blacklist, message }) {
    const isListed = compileHosts(whitelist ?? blacklist ?? [])
    const passes = whitelist !== undefined
    const reply: Reply = { status: 403, body: { message } }

    return {
      access(request) {
        const host = hostOf(fieldValue(request.headers, 'referer'))
        if (host === undefined) return bypass ? undefined : reply
        return isListed(host) === passes ? undefined : reply
      },
    }
  },
})

function compileHosts(hosts: readonly string[]): (host: string) => boolean {
  const lower = hosts.map((host) => host.toLowerCase())
  const exact = new Set(lower.filter((host) => !host.startsWith('*')))
  const suffixes = lower.filter((host) => host.startsWith('*')).map((host) => host.slice(1))
  return (host) => exact.has(host) || suffixes.some((suffix) => host.endsWith(suffix))
}

/** Host of an http or https URL, lower-case. */
function hostOf(referer: string | undefined): string | undefined {
  if (referer === undefined || !/^https?:\/\//i.test(referer)) return undefined
  return URL.parse(referer)?.hostname
}
