import type { Supervisor } from './supervisor.ts'

export type DrainCause = 'operator' | 'stop'

/** What `/status/drain` answers. */
export interface DrainState {
  draining: boolean
  cause: DrainCause | undefined
  since: string | undefined
}

/**
 * Turns new traffic away without refusing any: while it is on, the instance is not ready and every
 * response says `Connection: close`, so that balancers and clients go elsewhere. It still accepts.
 * An operator may turn it on and off again; a stop turns it on for good.
 */
export class DrainSwitch {
  readonly #supervisor: Supervisor
  #state: DrainState = { draining: false, cause: undefined, since: undefined }

  constructor(supervisor: Supervisor) {
    this.#supervisor = supervisor
  }

  get state(): DrainState {
    return this.#state
  }

  on(cause: DrainCause): void {
    if (this.#state.cause === 'stop') return
    const since = this.#state.since ?? new Date().toISOString()
    this.#state = { draining: true, cause, since }
    this.#supervisor.setTrafficWelcome(false)
  }

  /** Returns false when it can't be turned off: the gateway is stopping. */
  off(): boolean {
    if (this.#state.cause === 'stop') return false
    this.#state = { draining: false, cause: undefined, since: undefined }
    this.#supervisor.setTrafficWelcome(true)
    return true
  }
}
