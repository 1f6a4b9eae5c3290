import type { Control } from '../support/fleet.ts'
import type { Change } from './objects.ts'
import { progress } from './progress.ts'

/** Writes changes in revisions of `size` each; returns the last revision. */
export async function write(
  control: Control,
  changes: readonly Change[],
  size: number,
  what: string,
): Promise<number> {
  let revision = 0
  for (let start = 0; start < changes.length; start += size) {
    const slice = changes.slice(start, start + size)
    const answer = await control.call('POST', '/holdfast/v1/bulk', { changes: slice })
    revision = (answer as { revision: number }).revision
    progress(what, start + slice.length, changes.length)
  }
  return revision
}
