import { EXIT } from '../../support/exit-codes.ts'
import { type CheckedObject, checkConfig } from './check-config.ts'
import { ConfigFailure } from './config-failure.ts'
import { type ConfigProblem, type FileConfig, formatProblem } from './config-object.ts'
import type { Progress } from './progress.ts'
import { readConfig } from './read-config.ts'
import type { Selection } from './selection.ts'

const MAX_PROBLEMS = 100

interface CheckedFiles {
  /** By `kind/id`. */
  objects: Map<string, CheckedObject>
  groups: FileConfig['groups']
}

/**
 * Reads files and checks all that is in them, selected or not: what is wrong is said on stderr, line
 * by line. @throws ConfigFailure when anything is
 */
export async function checkFiles(
  paths: readonly string[],
  selection: Selection,
  progress: Progress,
): Promise<CheckedFiles> {
  progress.begin('reading')
  const config = await readConfig(paths, (done, of) => progress.advance(done, of))
  progress.begin(`checking ${config.objects.length} objects`)
  const { objects, problems } = await checkConfig(config.objects, selection, (done, of) =>
    progress.advance(done, of),
  )
  progress.end()
  for (const note of config.notes) process.stderr.write(`holdfast: ${note}\n`)
  const all = [...config.problems, ...problems]
  if (all.length === 0) return { objects, groups: config.groups }
  const shown = all.sort(byPlace).slice(0, MAX_PROBLEMS).map(formatProblem)
  const rest = all.length - shown.length
  if (rest > 0) shown.push(`and ${rest} more`)
  const noun = all.length === 1 ? 'problem' : 'problems'
  throw new ConfigFailure(EXIT.INVALID, [...shown, `${all.length} ${noun} found`].join('\n'))
}

/** As a reader goes through the files. */
function byPlace(a: ConfigProblem, b: ConfigProblem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1
  return (a.position?.line ?? 0) - (b.position?.line ?? 0)
}
