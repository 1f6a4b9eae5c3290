import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Server } from 'node:net'
import { GatewayError } from '../model/errors.ts'

/** A new process that does not serve by then is given up. */
const READY_TIMEOUT_MS = 60_000

/** A listening socket to pass on, by the name the new process knows it under. */
export interface NamedSocket {
  name: 'http' | 'status' | 'metrics'
  server: Server
}

/**
 * Starts this program anew, as it is on disk now, with our listening sockets, and resolves with its
 * pid once it serves: both accept from the same queues until we stop, so that no connection is
 * refused. It says so by a line on a pipe, whose number is in READY_FD (as in s6).
 * @throws GatewayError when it does not come up; it is ended then and we go on.
 */
export async function startSuccessor(sockets: readonly NamedSocket[]): Promise<number> {
  const readyFd = 3 + sockets.length
  const { LISTEN_PID: _, ...env } = process.env
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: ['inherit', 'inherit', 'inherit', ...sockets.map(descriptorOf), 'pipe'],
    env: {
      ...env,
      LISTEN_FDS: String(sockets.length),
      LISTEN_FDNAMES: sockets.map(({ name }) => name).join(':'),
      READY_FD: String(readyFd),
    },
    // It outlives us, and a Ctrl-C at our terminal is not for it.
    detached: true,
  })
  try {
    await readiness(child, readyFd)
  } catch (cause) {
    child.kill('SIGKILL')
    throw new GatewayError('GW_PROCESS_ENDED', 'the new process did not come up', { cause })
  }
  child.unref()
  return child.pid ?? 0
}

/** Node shows the descriptor of a listening socket nowhere else. */
function descriptorOf({ name, server }: NamedSocket): number {
  const { _handle: handle } = server as unknown as { _handle?: { fd?: number } }
  if (handle?.fd === undefined || handle.fd < 0) {
    throw new GatewayError('GW_PROCESS_ENDED', `the ${name} listener has no descriptor`)
  }
  return handle.fd
}

async function readiness(child: ChildProcess, readyFd: number): Promise<void> {
  const ready = child.stdio[readyFd]
  if (ready === null || ready === undefined) throw new Error('no pipe to it')
  const signal = AbortSignal.timeout(READY_TIMEOUT_MS)
  const [line] = await Promise.race([
    once(ready, 'data', { signal }),
    once(child, 'exit').then(([code, signalName]) => {
      throw new Error(`it ended with ${code ?? signalName}`)
    }),
  ])
  if (String(line) !== 'ready\n') throw new Error('it said something else than ready')
}
