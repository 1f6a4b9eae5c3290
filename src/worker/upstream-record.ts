import type { UpstreamFacts } from '../model/request-context.ts'

/** What became of one request at the nodes, written down while it happens. */
export class UpstreamRecord implements UpstreamFacts {
  readonly nodes: string[] = []
  readonly statuses: number[] = []
  lastName: string | undefined
  headerMs: number | undefined
  responseMs: number | undefined
  bytesReceived = 0
  #startedAt = 0

  /** The request goes to its first node now. */
  start(): void {
    this.#startedAt = performance.now()
  }

  noteAttempt(node: string, status: number, name: string | undefined): void {
    this.nodes.push(node)
    this.lastName = name
    this.statuses.push(status)
  }

  noteHead(): void {
    this.headerMs = performance.now() - this.#startedAt
  }

  noteEnd(): void {
    this.responseMs = performance.now() - this.#startedAt
  }
}
