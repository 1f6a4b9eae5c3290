const SLASH = 47

/** Anything but plain segments of visible ASCII. */
const NEEDS_WORK = /[%#\\]|\/[./]|[^\x21-\x7e]/

/** Raw bytes beyond ASCII, which arrive as latin1 characters. */
const RAW_BYTES = /[\x80-\xff]/g
const NOT_BYTES = /[^\0-\xff]/

/**
 * Path of a request target as routes see it, decoded as nginx does: query cut off, percent signs
 * decoded once (UTF-8) and before all else, so that `%2F` and `%2E` count as what they stand for;
 * `//` merged; `.` and `..` resolved.
 *
 * Undefined = refuse with 400: no path at all, an escape that is none or not UTF-8, NUL, `#`, `..`
 * above the root, and the two spellings of `..` that some application servers would resolve
 * after we have routed the request: `..\` and `..;`.
 */
export function normalizePath(target: string): string | undefined {
  if (target.charCodeAt(0) !== SLASH) return undefined
  const query = target.indexOf('?')
  const path = query === -1 ? target : target.slice(0, query)
  if (!NEEDS_WORK.test(path)) return path
  if (path.includes('#') || NOT_BYTES.test(path)) return undefined
  const decoded = decode(path)
  return decoded === undefined || decoded.includes('\0') ? undefined : resolveSegments(decoded)
}

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path.replaceAll(RAW_BYTES, encodeByte))
  } catch {
    return undefined
  }
}

function encodeByte(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16)}`
}

function resolveSegments(path: string): string | undefined {
  const kept: string[] = []
  // After a last segment of '', '.' or '..' the path names a folder and keeps its slash.
  let isFolder = false
  for (const segment of path.slice(1).split('/')) {
    isFolder = segment === '' || segment === '.' || segment === '..'
    if (!isFolder && isAmbiguous(segment)) return undefined
    if (!isFolder) kept.push(segment)
    else if (segment === '..' && kept.pop() === undefined) return undefined
  }
  if (kept.length === 0) return '/'
  return `/${kept.join('/')}${isFolder ? '/' : ''}`
}

/** True for a segment in which someone else would see a `..`: IIS splits at `\`, Tomcat cuts at `;`. */
function isAmbiguous(segment: string): boolean {
  if (!segment.includes('..')) return false
  return segment.split('\\').some((part) => part.split(';', 1)[0] === '..')
}
