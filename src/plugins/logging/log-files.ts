import { resolve } from 'node:path'
import { AppendFile } from '../../support/append-file.ts'
import type { PluginHost } from '../contract.ts'
import { DropCounter } from './drop-counter.ts'
import { forgetLog, rememberLog } from './pending-logs.ts'

interface SharedFile {
  readonly file: AppendFile
  users: number
}

const files = new Map<string, SharedFile>()

/** A file that one instance of a logger writes to; all instances that name it share it. */
export interface LogFileUse {
  readonly path: string
  append(line: string): void
  /** What was appended is still written. */
  release(): void
}

/** Takes part in the file of that path, which is opened with the first line. */
export function useLogFile(path: string, plugin: string, host: PluginHost): LogFileUse {
  const absolute = resolve(path)
  const shared = files.get(absolute) ?? openShared(absolute, plugin, host)
  shared.users++
  let released = false
  return {
    path,
    append: (line) => shared.file.append(line),
    release() {
      if (released) return
      released = true
      shared.users--
      if (shared.users === 0) closeShared(absolute, shared)
    },
  }
}

function openShared(path: string, plugin: string, host: PluginHost): SharedFile {
  const drops = new DropCounter(plugin, host)
  let reason: Error | undefined
  const file = new AppendFile(path, {
    onFailure: (error) => {
      reason = error
    },
    onDrop: (lines) => drops.count(lines, reason === undefined ? 'backlog' : 'failed', reason),
  })
  const shared = { file, users: 0 }
  files.set(path, shared)
  rememberLog(pendingOf(file))
  return shared
}

function closeShared(path: string, { file }: SharedFile): void {
  files.delete(path)
  void file.close().then(() => forgetLog(pendingOf(file)))
}

const pendings = new WeakMap<AppendFile, { drain(): Promise<void>; giveUp(): void }>()

function pendingOf(file: AppendFile) {
  const known = pendings.get(file)
  if (known !== undefined) return known
  const pending = { drain: () => file.flush(), giveUp() {} }
  pendings.set(file, pending)
  return pending
}
