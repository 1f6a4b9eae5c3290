/** First descriptor that systemd, or a gateway that hands over, passes on. sd_listen_fds(3). */
const FIRST_FD = 3

/** Listening sockets that were open before this process started, by what they are for. */
export interface InheritedSockets {
  /** For traffic: all that are not called otherwise. */
  http: number[]
  status: number | undefined
  metrics: number | undefined
}

/**
 * Descriptors of listening sockets passed by socket activation (sd_listen_fds(3)): LISTEN_FDS counts
 * them, LISTEN_FDNAMES names them; `status` and `metrics` are those servers', all others traffic's.
 * Variables meant for another process (LISTEN_PID) are passed over.
 */
export function inheritedSockets(env: NodeJS.ProcessEnv, pid: number): InheritedSockets {
  const sockets: InheritedSockets = { http: [], status: undefined, metrics: undefined }
  const { LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES = '' } = env
  if (LISTEN_PID !== undefined && LISTEN_PID !== String(pid)) return sockets
  const names = LISTEN_FDNAMES.split(':')
  for (let n = 0; n < Number(LISTEN_FDS ?? 0); n++) {
    const name = names[n]
    if (name === 'status' || name === 'metrics') sockets[name] = FIRST_FD + n
    else sockets.http.push(FIRST_FD + n)
  }
  return sockets
}
