import type { AccessLogSettings } from '../../model/ipc.ts'
import type { RequestContext } from '../../model/request-context.ts'
import { compileVariable, type VariableReader } from '../../support/variables/variable.ts'

/** `$name` and `${name}`. */
const VARIABLE = /\$(?:\{(\w+)\}|(\w+))/g

const NOT_PLAIN = /["\\\p{Cc}]|[^ -~]/u
const LINE_BREAKS = /[\r\n]/g
/** nginx's status for a client that left before there was an answer. */
const CLIENT_CLOSED_REQUEST = '499'

/** How a value is written, by nginx's names; what has no value is `-` but in JSON. */
const ESCAPES: Readonly<
  Record<AccessLogSettings['escape'], (value: string | undefined) => string>
> = {
  default: (value) => (value === undefined || value === '' ? '-' : hexEscaped(value)),
  json: (value) => (value === undefined ? '' : JSON.stringify(value).slice(1, -1)),
  // A line stays one, whatever a client sends.
  none: (value) => (value ?? '').replace(LINE_BREAKS, ' '),
}

/** Makes a line of the access log, as nginx's `log_format` does, without its line break. */
export function compileLogLine(
  settings: Pick<AccessLogSettings, 'format' | 'escape'>,
): (request: RequestContext) => string {
  const { format } = settings
  const write = ESCAPES[settings.escape]
  const texts: string[] = []
  const readers: VariableReader[] = []
  let at = 0
  for (const match of format.matchAll(VARIABLE)) {
    texts.push(format.slice(at, match.index))
    readers.push(readerOf(match[1] ?? match[2] ?? ''))
    at = match.index + match[0].length
  }
  const tail = format.slice(at)
  return (request) => {
    let line = ''
    for (let i = 0; i < readers.length; i++) {
      line += (texts[i] as string) + write((readers[i] as VariableReader)(request))
    }
    return line + tail
  }
}

function readerOf(name: string): VariableReader {
  const read = compileVariable(name)
  return name === 'status' ? (request) => read(request) ?? CLIENT_CLOSED_REQUEST : read
}

/** `\xXX` for quotes, backslashes and what is not printable ASCII. */
function hexEscaped(value: string): string {
  if (!NOT_PLAIN.test(value)) return value
  let text = ''
  for (const byte of Buffer.from(value)) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c
    text += plain
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}
