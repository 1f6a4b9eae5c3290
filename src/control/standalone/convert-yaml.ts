import { once } from 'node:events'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { YamlResult, YamlTask } from './yaml-thread.ts'

const DEADLINE_MS = 60_000

/** Tells YAML in JSON, or JSON in YAML, in a thread: a large text takes seconds. */
export async function convertYaml(task: YamlTask): Promise<YamlResult> {
  const thread = new Worker(
    new URL(`./yaml-thread${extname(import.meta.filename)}`, import.meta.url),
    { workerData: task },
  )
  try {
    const [result] = await once(thread, 'message', { signal: AbortSignal.timeout(DEADLINE_MS) })
    return result as YamlResult
  } catch (error) {
    const late = (error as Error).name === 'AbortError'
    return { ok: false, reason: late ? 'it took too long' : (error as Error).message }
  } finally {
    await thread.terminate()
  }
}
