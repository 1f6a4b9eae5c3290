import { parentPort, workerData } from 'node:worker_threads'
import { parse, stringify } from 'yaml'

/** What the thread is given: a text in one of both languages, to be told in the other. */
export type YamlTask = { from: 'yaml' | 'json'; text: string }
/** What it answers. */
export type YamlResult = { ok: true; text: string } | { ok: false; reason: string }

function convert({ from, text }: YamlTask): YamlResult {
  try {
    if (from === 'json') return { ok: true, text: stringify(JSON.parse(text)) }
    return { ok: true, text: JSON.stringify(parse(text, { maxAliasCount: 100 }) ?? null) }
  } catch (error) {
    // Its first line says what is wrong where; the others quote the text, which may hold a secret.
    return {
      ok: false,
      reason: (error as Error).message.split('\n', 1)[0]?.replace(/:$/, '') ?? '',
    }
  }
}

parentPort?.postMessage(convert(workerData as YamlTask))
