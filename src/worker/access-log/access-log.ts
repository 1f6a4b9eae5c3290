import type { AccessLogSettings } from '../../model/ipc.ts'
import type { MetricBook } from '../../model/metrics.ts'
import type { RequestContext } from '../../model/request-context.ts'
import { DropCounter } from '../../plugins/logging/drop-counter.ts'
import { rememberLog } from '../../plugins/logging/pending-logs.ts'
import { AppendFile } from '../../support/append-file.ts'
import type { Logger } from '../../support/logger.ts'
import { compileLogLine } from './log-line.ts'
import { StdoutLines } from './stdout-lines.ts'

/** Writes down each request once it is over. */
export type AccessLog = (request: RequestContext) => void

/** Undefined when the settings want none. */
export function createAccessLog(
  settings: AccessLogSettings | undefined,
  services: { metrics: MetricBook; log: Logger },
): AccessLog | undefined {
  if (settings === undefined) return undefined
  const drops = new DropCounter('access-log', services)
  const target = openTarget(settings.path, drops)
  rememberLog({ drain: () => target.flush(), giveUp() {} })
  const lineOf = compileLogLine(settings)
  return (request) => target.append(lineOf(request))
}

function openTarget(path: string | undefined, drops: DropCounter): AppendFile | StdoutLines {
  if (path === undefined) return new StdoutLines((lines) => drops.count(lines, 'backlog'))
  let reason: Error | undefined
  return new AppendFile(path, {
    onFailure: (error) => {
      reason = error
    },
    onDrop: (lines) => drops.count(lines, reason === undefined ? 'backlog' : 'failed', reason),
  })
}
