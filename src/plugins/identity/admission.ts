import type { ConsumerEntry, PluginHost, Reply, RequestContext } from '../contract.ts'

/** Decides what becomes of a request whose credentials were looked at. */
export interface Admission {
  /** Lets it in as this consumer's. */
  admit(request: RequestContext, entry: ConsumerEntry): undefined
  /** Undefined = it was let in as the anonymous consumer's. */
  refuse(request: RequestContext, message: string): Reply | undefined
}

/** @param challenge Value of `WWW-Authenticate` of every refusal. */
export function createAdmission(
  host: Pick<PluginHost, 'consumers' | 'log'>,
  challenge: string,
  anonymous: string | undefined,
): Admission {
  const { consumers } = host
  const headers = { 'WWW-Authenticate': challenge }

  function admit(request: RequestContext, entry: ConsumerEntry): undefined {
    consumers.attach(request, entry)
  }

  return {
    admit,
    refuse(request, message) {
      if (anonymous === undefined) return { status: 401, headers, body: { message } }
      const entry = consumers.byName(anonymous)
      if (entry !== undefined) return admit(request, entry)
      // Only now: a logger of its own for each of 10 000 routes is 10 MB.
      host.log.debug({ consumer: anonymous }, 'anonymous consumer is not there')
      return { status: 401, headers, body: { message: 'Invalid user authorization' } }
    },
  }
}
