import type { Socket } from 'node:net'

/** Up to here copying a chunk next to its framing is cheaper than a vectored write. */
const MAX_COPIED_BYTES = 16_384

/**
 * Writes latin1 text, bytes and latin1 text as one write to the socket. Returns false when the
 * client is slow, as `socket.write` does.
 */
export function writeMessage(
  socket: Socket,
  prefix: string,
  chunk: Buffer | undefined,
  suffix: string,
): boolean {
  if (chunk === undefined) return socket.write(prefix + suffix, 'latin1')
  if (prefix === '' && suffix === '') return socket.write(chunk)
  if (chunk.length > MAX_COPIED_BYTES) return writeVectored(socket, prefix, chunk, suffix)
  const bytes = Buffer.allocUnsafe(prefix.length + chunk.length + suffix.length)
  bytes.write(prefix, 0, 'latin1')
  bytes.set(chunk, prefix.length)
  if (suffix !== '') bytes.write(suffix, prefix.length + chunk.length, 'latin1')
  return socket.write(bytes)
}

function writeVectored(socket: Socket, prefix: string, chunk: Buffer, suffix: string): boolean {
  socket.cork()
  if (prefix !== '') socket.write(prefix, 'latin1')
  socket.write(chunk)
  if (suffix !== '') socket.write(suffix, 'latin1')
  socket.uncork()
  return !socket.writableNeedDrain
}
