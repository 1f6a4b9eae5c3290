const NONE: ReadonlySet<string> = new Set()

/** Knows who refers to an object, so that a change finds what depends on it without a search. */
export class ReferenceIndex {
  readonly #targetsOf = new Map<string, readonly string[]>()
  readonly #ownersOf = new Map<string, Set<string>>()

  /** Objects that refer to `target`; both are keys of the form `kind/id`. */
  ownersOf(target: string): ReadonlySet<string> {
    return this.#ownersOf.get(target) ?? NONE
  }

  /** Says what `owner` refers to now; an empty list forgets it. */
  set(owner: string, targets: readonly string[]): void {
    for (const target of this.#targetsOf.get(owner) ?? []) this.#remove(target, owner)
    if (targets.length === 0) {
      this.#targetsOf.delete(owner)
      return
    }
    // A list that grew has room for more than it will ever hold.
    this.#targetsOf.set(owner, targets.slice())
    for (const target of targets) this.#add(target, owner)
  }

  #add(target: string, owner: string): void {
    const owners = this.#ownersOf.get(target)
    if (owners === undefined) this.#ownersOf.set(target, new Set([owner]))
    else owners.add(owner)
  }

  #remove(target: string, owner: string): void {
    const owners = this.#ownersOf.get(target)
    owners?.delete(owner)
    if (owners?.size === 0) this.#ownersOf.delete(target)
  }
}
