import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ProbeSettings } from './check-settings.ts'
import type { FailureKind } from './node-checks.ts'

/** Where one probe goes. */
export interface ProbeTarget {
  /** IP address. */
  address: string
  port: number
  /** What the configuration calls the node: a name, or its address. */
  hostname: string
}

/** What a probe found. */
export type ProbeOutcome =
  /** A connection was made, and no more was asked. */
  | { kind: 'connected' }
  /** 0 = what came is no status line. */
  | { kind: 'status'; status: number }
  | { kind: Exclude<FailureKind, 'http'>; reason: string }
  /** It failed here, not there: no word about the node. */
  | { kind: 'none'; reason: string }

/** The gateway's own limits. */
const LOCAL_LIMITS = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EAGAIN'])
/** A status line is shorter. */
const MAX_LINE_BYTES = 1024
const STATUS_LINE = /^HTTP\/\d+\.\d+\s+(\d{3})(?!\d)/

/** Asks a node once, over a connection of its own; never rejects, never takes longer than allowed. */
export function probe(target: ProbeTarget, settings: ProbeSettings): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = open(target, settings)
    let received = ''
    const finish = (outcome: ProbeOutcome) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(outcome)
    }
    const timer = setTimeout(() => {
      finish({ kind: 'timeout', reason: `no answer within ${settings.timeoutMs} ms` })
    }, settings.timeoutMs)
    socket.on('error', (error) => finish(failure(error)))
    socket.once(settings.type === 'https' ? 'secureConnect' : 'connect', () => {
      if (settings.type === 'tcp') finish({ kind: 'connected' })
      else socket.write(request(target, settings))
    })
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      if (!received.includes('\n') && received.length < MAX_LINE_BYTES) return
      finish({ kind: 'status', status: Number(STATUS_LINE.exec(received)?.[1] ?? 0) })
    })
    socket.on('end', () => finish({ kind: 'tcp', reason: 'closed without an answer' }))
  })
}

/** True when the bytes would not be one request: nobody may smuggle a second one into a check. */
export function isUnsendable({ path, headers }: Pick<ProbeSettings, 'path' | 'headers'>): boolean {
  return [path, ...headers].some((text) => /[\r\n\0]/.test(text))
}

function open({ address, port, hostname }: ProbeTarget, settings: ProbeSettings): Socket {
  const { port: override = port, type, verify, cert, key, trustedCa } = settings
  const to = { host: address, port: override }
  if (type !== 'https') return connectTcp(to)
  const name = nameOf(settings.host ?? hostname)
  const servername = isIP(name) === 0 ? name : ''
  return connectTls({
    ...to,
    servername,
    rejectUnauthorized: verify,
    ALPNProtocols: ['http/1.1'],
    ...(cert !== undefined && key !== undefined && { cert, key }),
    ...(trustedCa && { ca: [...trustedCa] }),
  })
}

function request({ hostname }: ProbeTarget, settings: ProbeSettings): string {
  const { method, path, body, headers } = settings
  const host = settings.host ?? (isIP(hostname) === 6 ? `[${hostname}]` : hostname)
  const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]
  const own = headers.some((header) => /^host\s*:/i.test(header)) ? [] : [`Host: ${host}`]
  const lines = [`${method} ${path} HTTP/1.1`, ...own, 'Connection: close', ...length, ...headers]
  return `${lines.join('\r\n')}\r\n\r\n${body}`
}

function nameOf(authority: string): string {
  return authority.replace(/:\d+$/, '')
}

function failure(error: NodeJS.ErrnoException): ProbeOutcome {
  const reason = error.code ?? error.message
  if (LOCAL_LIMITS.has(reason)) return { kind: 'none', reason }
  return { kind: reason === 'ETIMEDOUT' ? 'timeout' : 'tcp', reason }
}
