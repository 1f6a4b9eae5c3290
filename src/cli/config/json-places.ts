import { walkJson, walkJsonValue } from './json-walk.ts'
import type { DocumentPath } from './source-document.ts'

/** Where a collection of a file, and each of its items, begins. */
interface CollectionPlace {
  offset: number
  items: number[]
}

const FOUND = Symbol('found')

/**
 * Finds places in a valid JSON text. Collections and their items are looked for once, what is in an
 * item when asked: of 10 000 objects each may be asked for, but few for more than its beginning.
 */
export function createJsonPlaces(text: string): (path: DocumentPath) => number {
  let collections: Map<string | number, CollectionPlace> | undefined
  return ([name, index, ...inner]) => {
    if (name === undefined) return 0
    collections ??= findCollections(text)
    const collection = collections.get(name)
    if (collection === undefined || index === undefined) return collection?.offset ?? 0
    const item = collection.items[Number(index)]
    if (item === undefined) return collection.offset
    return inner.length === 0 ? item : findIn(text, item, inner)
  }
}

function findCollections(text: string): Map<string | number, CollectionPlace> {
  const collections = new Map<string | number, CollectionPlace>()
  let current: CollectionPlace = { offset: 0, items: [] }
  walkJson(text, {
    open() {},
    enter(depth, key, offset) {
      if (depth === 0) {
        current = { offset, items: [] }
        collections.set(key, current)
      } else if (depth === 1) current.items.push(offset)
    },
  })
  return collections
}

/** Of what `path` leads to in the value at `start`, or of the nearest part around it. */
function findIn(text: string, start: number, path: DocumentPath): number {
  let offset = start
  let matched = 0
  const visitor = {
    open() {},
    enter(depth: number, key: string | number, at: number) {
      // A sibling of what was matched: what is looked for is not in there.
      if (depth < matched) throw FOUND
      if (depth > matched || key !== path[depth]) return
      offset = at
      matched++
      if (matched === path.length) throw FOUND
    },
  }
  try {
    walkJsonValue(text, visitor, start)
  } catch (reason) {
    if (reason !== FOUND) throw reason
  }
  return offset
}
