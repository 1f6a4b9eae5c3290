import type { ResourceBody, ResourceKind } from '../../model/resource-kind.ts'
import { resourceId } from '../../model/snapshot.ts'
import type { ConfigTransaction, StoredResource } from '../../store/config-repository.ts'
import type { Referrer, ResourceKey } from '../../store/config-transaction.ts'
import type { ConfigView } from '../resource-definition.ts'
import { keyOfObject } from './change-set.ts'

/** An object as a set of changes leaves it. */
export interface PlannedObject {
  kind: ResourceKind
  id: string
  /** Null = deleted. */
  value: ResourceBody | null
  /** As stored now; undefined = it is new. */
  stored: StoredResource | undefined
}

/** By `kind/id`. */
export type Planned = ReadonlyMap<string, PlannedObject>

/** What is wrong with an object, beside the others. */
export interface PlanProblem {
  object: PlannedObject
  problem: string
}

/**
 * The configuration as it will be: what the planned changes leave, over what is stored. References
 * are checked against it, so that the order of the changes does not matter.
 */
export class FinalView implements ConfigView {
  readonly #tx: ConfigTransaction
  readonly #planned: Planned
  readonly #lists = new Map<ResourceKind, Promise<StoredResource[]>>()

  constructor(tx: ConfigTransaction, planned: Planned) {
    this.#tx = tx
    this.#planned = planned
  }

  async get(kind: ResourceKind, id: string): Promise<StoredResource | undefined> {
    const planned = this.#planned.get(keyOfObject({ kind, id }))
    return planned === undefined ? this.#tx.get(kind, id) : this.#toStored(planned)
  }

  /** Read once; must not be changed. */
  list(kind: ResourceKind): Promise<StoredResource[]> {
    let list = this.#lists.get(kind)
    if (list === undefined) {
      list = this.#merge(kind)
      this.#lists.set(kind, list)
    }
    return list
  }

  /** What stays as it is and refers to any of these. */
  async referrers(targets: readonly ResourceKey[]): Promise<Referrer[]> {
    const stored = await this.#tx.referrers(targets)
    return stored.filter((object) => !this.#planned.has(keyOfObject(object)))
  }

  async #merge(kind: ResourceKind): Promise<StoredResource[]> {
    const planned = [...this.#planned.values()].filter((object) => object.kind === kind)
    const ids = new Set(planned.map(({ id }) => id))
    const stored = await this.#tx.list(kind)
    return [
      ...stored.filter(({ body }) => !ids.has(resourceId(kind, body))),
      ...planned.map((object) => this.#toStored(object)).filter((found) => found !== undefined),
    ]
  }

  #toStored({ value, stored }: PlannedObject): StoredResource | undefined {
    if (value === null) return undefined
    const revision = this.#tx.revision + 1
    return { body: value, createdRevision: stored?.createdRevision ?? revision, revision }
  }
}
