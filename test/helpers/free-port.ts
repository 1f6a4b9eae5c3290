import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the range from which the kernel takes the ports of outgoing connections. */
const FIRST = 20_000
const LAST = 32_000

/**
 * A port of the loopback address that nobody listens on, for a server that keeps it while it is down.
 * No outgoing connection of another test can take it meanwhile.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST))
    const server = createServer()
    try {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    } catch {
      continue
    }
    server.close()
    await once(server, 'close')
    return port
  }
}
