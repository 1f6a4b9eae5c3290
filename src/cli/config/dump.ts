import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RESOURCE_KINDS, type ResourceBody, type ResourceKind } from '../../model/resource-kind.ts'
import { resourceId, type Snapshot } from '../../model/snapshot.ts'
import { EXIT } from '../../support/exit-codes.ts'
import type { ConfigFlags } from './config-flags.ts'
import { withoutTimes } from './normal-form.ts'
import { sortObject, toYaml } from './object-text.ts'
import { openAdmin } from './open-admin.ts'
import { Progress } from './progress.ts'
import type { Selection } from './selection.ts'
import { OWNER_ONLY, writeOutput } from './write-output.ts'

type Collections = Partial<Record<ResourceKind, ResourceBody[]>>
type Format = 'yaml' | 'json'

/** `holdfast config dump`: what the control plane has, as files that `sync` takes. */
export async function dumpConfig(flags: ConfigFlags): Promise<number> {
  const { selection, output = '-', split } = flags
  const { admin } = await openAdmin(flags)
  const progress = new Progress(process.stderr)
  progress.wait('asking the control plane')
  const snapshot = await admin.loadConfig(selection.kinds)
  progress.end()
  const collections = tidy(snapshot, selection)
  const format = flags.format ?? (/\.json$/i.test(output) ? 'json' : 'yaml')
  if (split !== undefined) await writeSplit(split, collections, { format, selection, progress })
  else await writeOutput(output, encode(collections, format))
  if (collections.ssls !== undefined) {
    process.stderr.write('holdfast: the private keys of ssls are not in it: nobody is shown them\n')
  }
  return EXIT.OK
}

/** In an order that does not depend on when and how objects were written, and without their times. */
function tidy(snapshot: Snapshot, selection: Selection): Collections {
  const collections: Collections = {}
  for (const kind of RESOURCE_KINDS) {
    const chosen = (snapshot[kind] ?? []).filter((body) => selection.has({ kind, body }))
    if (chosen.length === 0) continue
    chosen.sort((a, b) => (resourceId(kind, a) < resourceId(kind, b) ? -1 : 1))
    collections[kind] = chosen.map((body) => sortObject(withoutTimes(body)))
  }
  return collections
}

/** A file that gateways, APISIX and `sync` can read: in YAML, it ends as APISIX wants it. */
function encode(collections: Collections, format: Format): string {
  if (format === 'json') return `${JSON.stringify(collections, undefined, 2)}\n`
  const isEmpty = Object.keys(collections).length === 0
  return `${isEmpty ? '' : toYaml(collections)}#END\n`
}

interface SplitOptions {
  format: Format
  selection: Selection
  progress: Progress
}

/** One file per object, and none left of those that are gone. */
async function writeSplit(
  folder: string,
  collections: Collections,
  { format, selection, progress }: SplitOptions,
): Promise<void> {
  const total = Object.values(collections).reduce((sum, bodies) => sum + bodies.length, 0)
  let done = 0
  progress.begin(`writing ${total} files`)
  await mkdir(folder, { recursive: true })
  for (const kind of RESOURCE_KINDS.filter((kind) => selection.hasKind(kind))) {
    const bodies = collections[kind] ?? []
    const inner = join(folder, kind)
    const names = new Set<string>()
    if (bodies.length > 0) await mkdir(inner, { recursive: true })
    for (const body of bodies) {
      const name = `${fileName(resourceId(kind, body))}.${format}`
      names.add(name)
      await writeFile(join(inner, name), encode({ [kind]: [body] }, format), { mode: OWNER_ONLY })
      await progress.advance(++done, total)
    }
    // What other labels select may well be there on purpose.
    if (!selection.byLabel) await removeOthers(inner, names)
  }
  progress.end()
}

/** Ids may hold slashes; a file whose name begins with a dot is not read. */
function fileName(id: string): string {
  return encodeURIComponent(id).replace(/^\./, '%2E')
}

async function removeOthers(folder: string, names: ReadonlySet<string>): Promise<void> {
  const present = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  for (const name of present) {
    if (/\.(?:ya?ml|json)$/.test(name) && !names.has(name)) await rm(join(folder, name))
  }
}
