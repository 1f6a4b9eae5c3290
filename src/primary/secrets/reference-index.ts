/** Which objects refer to which secrets of managers; kept by what is served. */
export class ReferenceIndex {
  readonly #references = new Map<string, readonly string[]>()
  readonly #users = new Map<string, Set<string>>()
  #version = 0

  /** Grows with every reference that comes or goes. */
  get version(): number {
    return this.#version
  }

  /** All references, each once. */
  get references(): Iterable<string> {
    return this.#users.keys()
  }

  /** Says what an object, `kind/id`, refers to now. */
  set(key: string, references: readonly string[] = []): void {
    const before = this.#references.get(key)
    if (before === undefined && references.length === 0) return
    for (const reference of before ?? []) this.#remove(reference, key)
    if (references.length === 0) this.#references.delete(key)
    else this.#references.set(key, references)
    for (const reference of references) this.#add(reference, key)
    this.#version++
  }

  /** The objects that refer to one of these. */
  usersOf(references: Iterable<string>): Set<string> {
    const users = new Set<string>()
    for (const reference of references) {
      for (const key of this.#users.get(reference) ?? []) users.add(key)
    }
    return users
  }

  #add(reference: string, key: string): void {
    const users = this.#users.get(reference) ?? new Set()
    users.add(key)
    this.#users.set(reference, users)
  }

  #remove(reference: string, key: string): void {
    const users = this.#users.get(reference)
    users?.delete(key)
    if (users?.size === 0) this.#users.delete(reference)
  }
}
