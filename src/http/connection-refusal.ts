import type { Socket } from 'node:net'

/** How long a refused connection stays readable: closing at once would reset it under the answer. */
const LINGER_MS = 1_000
/** More than this many lingering ones are cut: who floods us gets no politeness. */
const MAX_LINGERING = 256

const ANSWER = Buffer.from(
  'HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json; charset=utf-8\r\n' +
    'content-length: 39\r\nretry-after: 1\r\nconnection: close\r\n\r\n' +
    '{"error_msg":"503 Service Unavailable"}',
)

/** Turns connections away with a 503 that says when to come back, before anything is read. */
export class ConnectionRefusal {
  #lingering = 0

  refuse(socket: Socket): void {
    if (socket.destroyed || this.#lingering >= MAX_LINGERING) {
      socket.destroy()
      return
    }
    this.#lingering += 1
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#lingering -= 1
      clearTimeout(timer)
    })
    socket.end(ANSWER)
    socket.resume()
  }
}
