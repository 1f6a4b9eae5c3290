import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'

const CONFIG_FILE = /\.(?:json|ya?ml)$/i
/** As everywhere: what comes in on stdin. */
const STDIN = '-'

/** Paths of all files that these paths mean: folders stand for the configuration files in them. */
export async function findConfigFiles(
  paths: readonly string[],
): Promise<{ files: string[]; emptyFolders: string[] }> {
  const files = new Set<string>()
  const emptyFolders: string[] = []
  for (const path of paths) {
    const found = await filesOf(path)
    for (const file of found) files.add(file)
    if (found.length === 0) emptyFolders.push(path)
  }
  return { files: [...files], emptyFolders }
}

async function filesOf(path: string): Promise<string[]> {
  if (path === STDIN || !(await stat(path)).isDirectory()) return [path]
  const files: string[] = []
  const entries = await readdir(path, { withFileTypes: true })
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    // Editors, git and Kubernetes keep what is theirs under such names.
    if (entry.name.startsWith('.')) continue
    const inner = join(path, entry.name)
    const isFolder = entry.isDirectory() || (entry.isSymbolicLink() && (await isFolderAt(inner)))
    if (isFolder) files.push(...(await filesOf(inner)))
    else if (CONFIG_FILE.test(entry.name)) files.push(inner)
  }
  return files
}

async function isFolderAt(path: string): Promise<boolean> {
  return (await stat(path)).isDirectory()
}

/** Bytes of a file, or of stdin. */
export async function readConfigFile(path: string): Promise<Buffer> {
  return path === STDIN ? buffer(process.stdin) : readFile(path)
}
