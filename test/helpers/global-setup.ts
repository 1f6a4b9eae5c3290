import { fileURLToPath } from 'node:url'
import { createTemplate, TEST_POSTGRES_URL } from './postgres.ts'
import { startServer, type TestPostgres } from './postgres-server.ts'

// The one of src/main.ts. Each test file is a process, and starts others: what one has compiled, the
// hundreds of others need not, its own entry point included.
const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/holdfast', import.meta.url))

let server: TestPostgres | undefined

/**
 * Runs once before all test files: one PostgreSQL and one compile cache for the whole run, handed on
 * in the environment.
 */
export async function globalSetup(): Promise<void> {
  process.env['NODE_COMPILE_CACHE'] ??= COMPILE_CACHE
  server = await startServer()
  await createTemplate(server.url)
  process.env[TEST_POSTGRES_URL] = server.url
}

export async function globalTeardown(): Promise<void> {
  await server?.remove()
}
