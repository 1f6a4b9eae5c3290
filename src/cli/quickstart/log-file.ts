import { appendFile, rename, stat } from 'node:fs/promises'

/** Then the file becomes `<name>.1`, and the one before is gone. */
const MAX_FILE_BYTES = 8 * 1024 * 1024
/** What may wait for a slow disk; lines beyond it are lost. */
const MAX_PENDING_CHARS = 1024 * 1024

/** A log on disk that never gets in the way: what cannot be written is lost. */
export interface LogFile {
  /** `text` ends with a line feed. */
  write(text: string): void
  close(): Promise<void>
}

/** Appends to a file. It is opened anew for each batch, so a full disk or a deleted file heals by itself. */
export function createLogFile(path: string): LogFile {
  let pending = ''
  let writing: Promise<void> | undefined

  async function drain(): Promise<void> {
    while (pending !== '') {
      const batch = pending
      pending = ''
      await append(path, batch).catch(() => {})
    }
    writing = undefined
  }

  return {
    write(text) {
      if (pending.length < MAX_PENDING_CHARS) pending += text
      writing ??= drain()
    },
    async close() {
      await writing
    },
  }
}

async function append(path: string, text: string): Promise<void> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size > MAX_FILE_BYTES) await rename(path, `${path}.1`)
  await appendFile(path, text, { mode: 0o600 })
}
