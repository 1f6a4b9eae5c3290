import { open } from 'node:fs/promises'

/** Without it a rename itself may be lost with the power: a folder is a file of names. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
