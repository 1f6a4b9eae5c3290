import type { ConfigView } from '../../control/resource-definition.ts'
import type { ResourceKind } from '../../model/resource-kind.ts'
import type { CheckedObject } from './check-config.ts'
import { nameOf } from './config-object.ts'

type Listed = Awaited<ReturnType<ConfigView['list']>>

/** The objects of files as the control plane's rules between objects see those of its store. */
export function createFileView(objects: ReadonlyMap<string, CheckedObject>): ConfigView {
  const lists = new Map<ResourceKind, Listed>()
  return {
    async get(kind, id) {
      const object = objects.get(nameOf({ kind, id }))
      return object && stored(object)
    },
    async list(kind) {
      const listed = lists.get(kind) ?? listOf(objects, kind)
      lists.set(kind, listed)
      return listed
    },
  }
}

function listOf(objects: ReadonlyMap<string, CheckedObject>, kind: ResourceKind): Listed {
  return [...objects.values()].filter((object) => object.kind === kind).map(stored)
}

function stored({ normal }: CheckedObject): Listed[number] {
  return { body: normal, createdRevision: 0, revision: 0 }
}
