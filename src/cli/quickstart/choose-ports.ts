import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { GatewayError } from '../../model/errors.ts'
import { formatListenAddress, type ListenAddress } from '../../settings/listen-address.ts'
import type { QuickstartSettings } from '../../settings/quickstart-settings.ts'

/** All listeners of the processes that quickstart runs; no port is 0. */
export interface Listeners {
  http: readonly ListenAddress[]
  admin: ListenAddress
  status: ListenAddress
  metrics: ListenAddress
  /** Undefined = off. */
  controlApi: ListenAddress | undefined
}

const REASONS: Record<string, string> = {
  EADDRINUSE: 'is in use by another program; stop it, or choose another port',
  EACCES: 'is not for this user; choose a port above 1023',
  EADDRNOTAVAIL: 'is not an address of this machine',
  EAFNOSUPPORT: 'is IPv6, which this machine does not have',
  ENOTFOUND: 'has an unknown host name',
}

/**
 * Makes sure, before anything is started, that all addresses can be listened on, and puts a free
 * port in place of port 0, since the processes must know of each other.
 * @throws GatewayError GW_LISTEN_FAILED with a line for each address that cannot be.
 */
export async function choosePorts(settings: QuickstartSettings): Promise<Listeners> {
  // All stay open until the last is chosen, or two that ask for a free port could get the same.
  const probes: Server[] = []
  const problems: string[] = []
  async function choose(name: string, address: ListenAddress): Promise<ListenAddress> {
    try {
      const probe = await listen(address)
      probes.push(probe)
      return { host: address.host, port: (probe.address() as AddressInfo).port }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const reason = REASONS[code ?? ''] ?? `cannot be listened on: ${message}`
      problems.push(`${formatListenAddress(address)} (${name}) ${reason}`)
      return address
    }
  }
  /** Prometheus listens on the same port as a rule: nobody should have to care. */
  async function chooseControlApi({ host, port }: ListenAddress): Promise<ListenAddress> {
    const probe = await listen({ host, port }).catch(() => undefined)
    if (probe === undefined) return choose('HOLDFAST_CONTROL_API_LISTEN', { host, port: 0 })
    probes.push(probe)
    return { host, port: (probe.address() as AddressInfo).port }
  }
  const listeners = {
    http: await Promise.all(settings.httpListen.map((one) => choose('HOLDFAST_HTTP_LISTEN', one))),
    admin: await choose('HOLDFAST_ADMIN_LISTEN', settings.adminListen),
    status: await choose('HOLDFAST_STATUS_LISTEN', settings.statusListen),
    metrics: await choose('HOLDFAST_METRICS_LISTEN', settings.metricsListen),
    controlApi: settings.controlApiListen && (await chooseControlApi(settings.controlApiListen)),
  }
  await Promise.all(probes.map((probe) => new Promise((done) => probe.close(done))))
  if (problems.length > 0) throw new GatewayError('GW_LISTEN_FAILED', problems.join('\n'))
  return listeners
}

async function listen(address: ListenAddress): Promise<Server> {
  const server = createServer()
  server.listen(address)
  await once(server, 'listening')
  return server
}
