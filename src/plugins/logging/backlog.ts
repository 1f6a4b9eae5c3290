/** What the entries of one logger may hold of a worker's memory, whatever their number. */
const MAX_BYTES = 64 * 1024 * 1024

/** Entries of all instances of one logger that wait in this worker. */
export class Backlog {
  #entries = 0
  #bytes = 0

  /** False when there are too many, or too large ones. */
  admits(bytes: number, maxEntries: number): boolean {
    return this.#entries < maxEntries && this.#bytes + bytes <= MAX_BYTES
  }

  add(bytes: number): void {
    this.#entries += 1
    this.#bytes += bytes
  }

  remove(entries: number, bytes: number): void {
    this.#entries -= entries
    this.#bytes -= bytes
  }

  get entries(): number {
    return this.#entries
  }
}

const backlogs = new Map<string, Backlog>()

/** The backlog of a logger in this process. */
export function backlogOf(plugin: string): Backlog {
  const known = backlogs.get(plugin)
  if (known !== undefined) return known
  const backlog = new Backlog()
  backlogs.set(plugin, backlog)
  return backlog
}
