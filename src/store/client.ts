import { Socket } from 'node:net'
import pg, { type ClientConfig, type QueryResult } from 'pg'
import { deadlineError } from './failure.ts'

/**
 * A `pg` client whose socket can be cut at once. `end()` alone asks politely and waits for ever on
 * a server that is frozen.
 */
export class CuttableClient extends pg.Client {
  readonly #socket: Socket

  constructor(config: ClientConfig) {
    const socket = new Socket()
    super({ ...config, stream: () => socket, keepAlive: true })
    this.#socket = socket
    // The failing query rejects too, and a pool listens by itself: this is for the gap between.
    this.on('error', () => {})
  }

  cut(): void {
    this.#socket.destroy()
  }

  /** Runs one statement; past the deadline the connection is cut, as its state is unknown. */
  async queryUntil(
    deadlineAt: number,
    text: string,
    values?: readonly unknown[],
  ): Promise<QueryResult> {
    return this.until(deadlineAt, () =>
      values === undefined ? this.query(text) : this.query(text, [...values]),
    )
  }

  /** Connects, cutting the attempt at the deadline. */
  async connectUntil(deadlineAt: number): Promise<void> {
    await this.until(deadlineAt, () => this.connect())
  }

  private async until<T>(deadlineAt: number, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now()
    let late = false
    const timer = setTimeout(
      () => {
        late = true
        this.cut()
      },
      Math.max(0, deadlineAt - startedAt),
    )
    try {
      return await work()
    } catch (error) {
      throw late ? deadlineError(performance.now() - startedAt) : error
    } finally {
      clearTimeout(timer)
    }
  }
}
