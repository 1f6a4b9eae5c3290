import { EXIT } from '../../support/exit-codes.ts'
import { checkFiles } from './check-files.ts'
import type { ConfigFlags } from './config-flags.ts'
import { Progress } from './progress.ts'

/** `holdfast config validate`: checks files without asking anybody. */
export async function validateConfig({ paths, selection }: ConfigFlags): Promise<number> {
  const { objects } = await checkFiles(paths, selection, new Progress(process.stderr))
  process.stdout.write(`valid: ${objects.size} ${objects.size === 1 ? 'object' : 'objects'}\n`)
  return EXIT.OK
}
