import type { CircuitState, CircuitTerms, QuotaAnswer } from '../../model/quota.ts'
import { BoundedMap } from './bounded-map.ts'

/** A circuit that nothing was heard of for so long, beyond its longest opening, starts anew. */
const FORGET_AFTER_MS = 3_600_000

interface Circuit {
  failures: number
  successes: number
  openedAtMs: number | undefined
  forgetAtMs: number
}

/** Failures and recoveries of what workers call, counted for all of them together. */
export class CircuitBoard {
  readonly #circuits: BoundedMap<Circuit>
  /** Keys whose state the workers have not been told of. */
  readonly #changed = new Set<string>()

  constructor(maxKeys: number) {
    // Workers keep what they were told until they hear that it is forgotten.
    this.#circuits = new BoundedMap(maxKeys, (key) => this.#changed.add(key))
  }

  get size(): number {
    return this.#circuits.size
  }

  get evicted(): number {
    return this.#circuits.evicted
  }

  report(key: string, healthy: boolean, terms: CircuitTerms, now: number): void {
    if (healthy) this.#succeeded(key, terms)
    else this.#failed(key, terms, now)
  }

  /** What has changed since the last call. */
  takeChanges(): QuotaAnswer[] {
    const changes = [...this.#changed].map((key) => this.#answer(key))
    this.#changed.clear()
    return changes
  }

  /** All there is to know, for a new worker. */
  get whole(): QuotaAnswer[] {
    return [...this.#circuits.entries()].map(([key]) => this.#answer(key))
  }

  sweep(now: number): void {
    this.#circuits.sweep(({ forgetAtMs }) => now >= forgetAtMs)
  }

  #failed(key: string, terms: CircuitTerms, now: number): void {
    const circuit = this.#circuits.use(key, () => ({
      failures: 0,
      successes: 0,
      openedAtMs: undefined,
      forgetAtMs: 0,
    }))
    circuit.failures += 1
    circuit.successes = 0
    circuit.forgetAtMs = now + terms.maxOpenMs + FORGET_AFTER_MS
    if (circuit.failures % terms.failures === 0) circuit.openedAtMs = now
    this.#changed.add(key)
  }

  #succeeded(key: string, terms: CircuitTerms): void {
    const circuit = this.#circuits.peek(key)
    if (circuit === undefined) return
    circuit.successes += 1
    if (circuit.successes < terms.successes) return
    this.#circuits.delete(key)
    this.#changed.add(key)
  }

  #answer(key: string): QuotaAnswer {
    const circuit = this.#circuits.peek(key)
    if (circuit === undefined) return { op: 'circuit', key }
    const { failures, openedAtMs } = circuit
    const state: CircuitState = { failures, openedAtMs }
    return { op: 'circuit', key, state }
  }
}
