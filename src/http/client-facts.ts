import type { Socket } from 'node:net'
import type { ClientConnection } from '../model/http-message.ts'

const MAPPED_IPV4 = '::ffff:'

/** Reads the addresses of a connection once: each costs a system call. Empty when it is gone already. */
export function clientFacts(socket: Socket): ClientConnection {
  return {
    remoteAddress: plainAddress(socket.remoteAddress),
    remotePort: socket.remotePort ?? 0,
    localAddress: plainAddress(socket.localAddress),
    localPort: socket.localPort ?? 0,
    encrypted: 'encrypted' in socket && socket.encrypted === true,
  }
}

/** A dual-stack listener shows IPv4 clients as mapped IPv6; rules and nodes know them as IPv4. */
function plainAddress(address = ''): string {
  return address.startsWith(MAPPED_IPV4) && address.includes('.')
    ? address.slice(MAPPED_IPV4.length)
    : address
}
