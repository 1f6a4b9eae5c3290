import { createTemplate, TEST_POSTGRES_URL } from './postgres.ts'
import { startServer, type TestPostgres } from './postgres-server.ts'

let server: TestPostgres | undefined

/** Runs once before all test files: one PostgreSQL for the whole run, handed on in the environment. */
export async function globalSetup(): Promise<void> {
  server = await startServer()
  await createTemplate(server.url)
  process.env[TEST_POSTGRES_URL] = server.url
}

export async function globalTeardown(): Promise<void> {
  await server?.remove()
}
