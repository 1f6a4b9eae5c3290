import { fileURLToPath } from 'node:url'
import { createTemplate, TEST_POSTGRES_URL } from './postgres.ts'
import { startServer, TEST_POSTGRES_CLUSTER, type TestPostgres } from './postgres-server.ts'

// The one of src/main.ts. Each test file is a process, and starts others: what one has compiled, the
// hundreds of others need not, its own entry point included.
const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/holdfast', import.meta.url))

let servers: TestPostgres[] = []

/**
 * Runs once before all test files: one PostgreSQL, an unused cluster for the tests that start their
 * own, and one compile cache for the whole run, handed on in the environment.
 */
export async function globalSetup(): Promise<void> {
  process.env['NODE_COMPILE_CACHE'] ??= COMPILE_CACHE
  const [server, unused] = await Promise.all([startServer(), startServer()])
  servers = [server, unused]
  await unused.stop()
  await createTemplate(server.url)
  process.env[TEST_POSTGRES_URL] = server.url
  process.env[TEST_POSTGRES_CLUSTER] = unused.dataDir
}

export async function globalTeardown(): Promise<void> {
  for (const server of servers) await server.remove()
}
