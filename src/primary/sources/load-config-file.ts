import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { ConfigError } from '../../model/errors.ts'
import type { ResourceBody } from '../../model/resource-kind.ts'
import type { FileMessage } from './config-file-thread.ts'
import type { ConfigFileContent } from './decode-config-file.ts'

/** Longer than any file of a sane size takes. */
const DEADLINE_MS = 60_000

/**
 * Reads a configuration file in a thread of its own: parsing YAML of 10 000 routes takes seconds,
 * in which no connection would be handed to a worker.
 * @throws ConfigError or the file system's error, as a ConfigError with its message.
 */
export async function loadConfigFile(path: string): Promise<ConfigFileContent> {
  const extension = extname(import.meta.filename)
  const thread = new Worker(new URL(`./config-file-thread${extension}`, import.meta.url), {
    workerData: path,
  })
  const late = setTimeout(() => void thread.terminate(), DEADLINE_MS)
  try {
    return await receive(thread)
  } finally {
    clearTimeout(late)
    await thread.terminate()
  }
}

async function receive(thread: Worker): Promise<ConfigFileContent> {
  const collections: ConfigFileContent['collections'] = {}
  for (;;) {
    const message = await ask(thread)
    if (message.type === 'failed') throw new ConfigError('GW_SNAPSHOT_INVALID', message.reason)
    if (message.type === 'end') {
      return { collections, meta: message.meta, ignored: message.ignored }
    }
    const bodies: ResourceBody[] = collections[message.kind] ?? []
    bodies.push(...message.bodies)
    collections[message.kind] = bodies
  }
}

function ask(thread: Worker): Promise<FileMessage> {
  return new Promise((resolve, reject) => {
    const failed = (error: unknown) => {
      const why = error instanceof Error ? error.message : 'reading it took too long'
      reject(new ConfigError('GW_SNAPSHOT_INVALID', why))
    }
    thread.once('error', failed)
    thread.once('exit', failed)
    thread.once('message', (message: FileMessage) => {
      thread.off('error', failed)
      thread.off('exit', failed)
      resolve(message)
    })
    thread.postMessage('next')
  })
}
