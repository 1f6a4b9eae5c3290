import * as net from 'node:net'
import * as tls from 'node:tls'
import type { buildConnector, Dispatcher } from 'undici'
import type { NodeOrigin } from './node-origin.ts'
import { sharedLookup } from './shared-lookup.ts'
import { Client, errors } from './undici.ts'
import { tolerateContinue } from './undici-parser.ts'

/** Between TCP keep-alive probes; finds nodes that vanished without a FIN. */
const PROBE_INTERVAL_MS = 60_000
/** Read buffer of a socket: what arrives after a pause and before the kernel holds the node back. */
const READ_BUFFER_BYTES = 64 * 1024

export interface ConnectionOptions {
  /** An idle connection is closed after this time, or earlier if the node asks for it. */
  readonly idleMs: number
  readonly maxHeaderBytes: number
}

/**
 * One connection to a node, used by one request at a time. It is an undici client of its own
 * rather than part of an undici pool: that can tell neither whether a connection was used before
 * nor how it failed, queues without bound, and has one connect time-out for all requests.
 */
export class NodeConnection {
  /** Time limit for the next connect. */
  connectMs = 0
  /** Responses that the present socket has delivered completely. */
  answered = 0
  /** The present socket has failed (RST and the like); a FIN is no failure. */
  failed = false
  readonly #origin: NodeOrigin
  readonly #client: InstanceType<typeof Client>
  #socket: net.Socket | undefined

  /** `onClosed` is called when the connection has been closed by either side. */
  constructor(
    origin: NodeOrigin,
    options: ConnectionOptions,
    onClosed: (connection: NodeConnection) => void,
  ) {
    this.#origin = origin
    // We connect and name the Host ourselves: undici need not be able to parse the node's name.
    this.#client = new Client(`${origin.scheme}://node`, {
      connect: (_, callback) => this.#connect(callback),
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: options.idleMs,
      keepAliveMaxTimeout: options.idleMs,
      maxHeaderSize: options.maxHeaderBytes,
    })
    this.#client.on('disconnect', () => onClosed(this))
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#client.dispatch(options, handler)
  }

  /** Closes once the request under way, if any, is complete. */
  close(): void {
    this.#client.close(ignore)
  }

  /** Cuts the connection, whatever its state. */
  destroy(): void {
    this.#client.destroy(ignore)
    // While connecting the socket is not yet the client's.
    this.#socket?.destroy()
  }

  #connect(callback: buildConnector.Callback): void {
    this.answered = 0
    this.failed = false
    const socket = this.#open()
    this.#socket = socket
    const timer = setTimeout(
      () => socket.destroy(new errors.ConnectTimeoutError('connect timeout')),
      this.connectMs,
    )
    let report: buildConnector.Callback | undefined = callback
    const finish = (error: Error | null) => {
      clearTimeout(timer)
      const once = report
      report = undefined
      if (error !== null) once?.(error, null)
      else once?.(null, socket)
    }
    socket.once(this.#origin.scheme === 'https' ? 'secureConnect' : 'connect', () => {
      finish(null)
      tolerateContinue(socket)
    })
    // Comes before undici's own listener, so that whatever undici concludes, we know better.
    socket.on('error', (error) => {
      this.failed = true
      finish(error)
    })
    socket.once('close', () => finish(new Error('closed while connecting')))
  }

  #open(): net.Socket {
    const { scheme, host, port, servername, verify, tls: context } = this.#origin
    const target = {
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: PROBE_INTERVAL_MS,
      highWaterMark: READ_BUFFER_BYTES,
      lookup: sharedLookup,
    }
    if (scheme === 'http') return net.connect(target)
    return tls.connect({
      ...target,
      ...(servername === undefined ? {} : { servername }),
      ...(context === undefined ? {} : { secureContext: context.secure }),
      rejectUnauthorized: verify,
      ALPNProtocols: ['http/1.1'],
    })
  }
}

/** For undici's callbacks of close and destroy, which never report an error. */
function ignore(): void {}
