import { readFile } from 'node:fs/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { ResourceBody, ResourceKind } from '../../model/resource-kind.ts'
import { decodeConfigFile } from './decode-config-file.ts'

/** What the thread answers, one message for each that it gets. */
export type FileMessage =
  | { type: 'objects'; kind: ResourceKind; bodies: ResourceBody[] }
  | { type: 'end'; meta: unknown; ignored: string[] }
  | { type: 'failed'; reason: string }

const CHUNK_SIZE = 100

/** The messages, one after the other: sent all at once, they would stall who receives them. */
async function* answer(path: string): AsyncGenerator<FileMessage> {
  try {
    const { collections, meta, ignored } = await decodeConfigFile(
      await readFile(path),
      path,
      process.env,
    )
    for (const [kind, bodies] of Object.entries(collections) as [ResourceKind, ResourceBody[]][]) {
      for (let at = 0; at < bodies.length; at += CHUNK_SIZE) {
        yield { type: 'objects', kind, bodies: bodies.slice(at, at + CHUNK_SIZE) }
      }
    }
    yield { type: 'end', meta, ignored }
  } catch (error) {
    yield { type: 'failed', reason: (error as Error).message }
  }
}

const messages = answer(String(workerData))
parentPort?.on('message', async () => {
  const next = await messages.next()
  if (!next.done) parentPort?.postMessage(next.value)
})
