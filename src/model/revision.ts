import type { ResourceBody, ResourceKind } from './resource-kind.ts'

/** Identifies a state of one gateway group's configuration and proves its content. */
export interface RevisionMark {
  /** Changes when history is rewound (restore from an old dump): revisions compare only within one epoch. */
  epoch: string
  /** Gapless and commit-ordered within an epoch; 0 = nothing was ever written. */
  revision: number
  /** Order-independent digest of all resources at this revision, see digest.ts. */
  digest: string
}

/** One object put or deleted. `body` is the whole new object, never a patch. */
export type Change =
  | { op: 'put'; kind: ResourceKind; id: string; body: ResourceBody }
  | { op: 'delete'; kind: ResourceKind; id: string }

/** All changes of one revision; they apply together or not at all. */
export interface Delta {
  /** The state that applying this delta leads to; its revision is the previous one plus 1. */
  to: RevisionMark
  changes: Change[]
  /** It leads to the revision that is there, served otherwise: what secrets stand for has changed. */
  amends?: true
}
