import { readFile } from 'node:fs/promises'
import { isUsable, NODE_STATES, type NodeHealth, type NodeState } from '../../model/health.ts'
import type { CheckCounters } from './node-checks.ts'
import type { EjectionRecord } from './outlier-watch.ts'

/** What is kept of a node that is not simply healthy. */
export interface SavedNode {
  state: NodeState
  counters: CheckCounters
  ejection?: EjectionRecord
}

/** By `owner node`. */
export type SavedHealth = Map<string, SavedNode>

interface SavedFile {
  group: string
  /** Milliseconds since 1970. */
  savedAt: number
  nodes: Record<string, SavedNode>
}

/** Key of a node among those of all upstreams. */
export function savedKey(owner: string, node: string): string {
  return `${owner} ${node}`
}

/** What workers are told of a node that is known from before the start only. */
export function savedNodeHealth(key: string, saved: SavedNode): NodeHealth {
  const [owner = '', node = ''] = key.split(' ')
  return { owner, node, state: saved.state, ejected: Date.now() < (saved.ejection?.until ?? 0) }
}

/** What was saved at most `maxAgeMs` ago; nothing if there is no file that makes sense. */
export async function loadSavedHealth(
  path: string,
  group: string,
  maxAgeMs: number,
): Promise<SavedHealth> {
  try {
    const file = JSON.parse(await readFile(path, 'utf8')) as SavedFile
    const ageMs = Date.now() - file.savedAt
    if (file.group !== group || !(ageMs >= 0 && ageMs <= maxAgeMs)) return new Map()
    return new Map(Object.entries(file.nodes).flatMap(([key, node]) => decode(key, node)))
  } catch {
    // Missing, torn or edited: all nodes start healthy, and checks will tell.
    return new Map()
  }
}

export function encodeSavedHealth(group: string, nodes: SavedHealth): string {
  const file: SavedFile = { group, savedAt: Date.now(), nodes: Object.fromEntries(nodes) }
  return JSON.stringify(file)
}

function decode(key: string, { state, counters, ejection }: SavedNode): [string, SavedNode][] {
  if (!/^\S+ \S+$/.test(key) || !NODE_STATES.includes(state)) return []
  const count = (value: unknown) => (Number.isInteger(value) ? Number(value) : 0)
  const node: SavedNode = {
    state,
    counters: {
      success: count(counters?.success),
      http_failure: count(counters?.http_failure),
      tcp_failure: count(counters?.tcp_failure),
      timeout_failure: count(counters?.timeout_failure),
    },
  }
  if (ejection !== undefined && Number.isFinite(ejection.until)) {
    node.ejection = { ejections: count(ejection.ejections), until: ejection.until }
  }
  return isUsable(state) && node.ejection === undefined ? [] : [[key, node]]
}
