import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import { referencesOf } from '../model/resource-references.ts'

interface PendingObject {
  kind: ResourceKind
  id: string
  body: ResourceBody
}

/** Who refers to whom among the objects that a transaction has written but not stored yet. */
export class PendingReferences {
  readonly #touched = new Map<string, PendingObject | undefined>()
  /** By target. */
  readonly #referrers = new Map<string, Set<string>>()

  /** `kind/id` of all objects that were put or deleted. */
  get touched(): ReadonlyMap<string, unknown> {
    return this.#touched
  }

  put(kind: ResourceKind, id: string, body: ResourceBody): void {
    this.delete(kind, id)
    const key = `${kind}/${id}`
    this.#touched.set(key, { kind, id, body })
    for (const target of targetsOf(kind, body)) {
      const referrers = this.#referrers.get(target)
      if (referrers === undefined) this.#referrers.set(target, new Set([key]))
      else referrers.add(key)
    }
  }

  delete(kind: ResourceKind, id: string): void {
    const key = `${kind}/${id}`
    const old = this.#touched.get(key)
    this.#touched.set(key, undefined)
    if (old === undefined) return
    for (const target of targetsOf(kind, old.body)) this.#referrers.get(target)?.delete(key)
  }

  referrers(targets: readonly string[]): PendingObject[] {
    const keys = new Set(targets.flatMap((target) => [...(this.#referrers.get(target) ?? [])]))
    return [...keys].map((key) => this.#touched.get(key)).filter((object) => object !== undefined)
  }
}

function targetsOf(kind: ResourceKind, body: ResourceBody): string[] {
  return referencesOf(kind, body).map((reference) => `${reference.kind}/${reference.id}`)
}
