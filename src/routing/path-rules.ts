import type { RoutingSettings } from '../model/routing.ts'
import { normalizePath } from './path.ts'

/** What is done to a path beyond what nginx does; the node gets it as sent. */
type PathRules = Pick<RoutingSettings, 'deleteTailSlash' | 'likeServlet'>

/** Creates what makes the path for matching of a request target; see `normalizePath`. */
export function createPathNormalizer(rules: PathRules): (target: string) => string | undefined {
  const { deleteTailSlash, likeServlet } = rules
  if (!deleteTailSlash && !likeServlet) return normalizePath
  return (target) => {
    const path = normalizePath(target)
    if (path === undefined) return undefined
    const cut = likeServlet && path.includes(';') ? cutParameters(path) : path
    return deleteTailSlash && cut !== undefined ? withoutTailSlash(cut) : cut
  }
}

function withoutTailSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** Undefined for segments whose rest a container might read as a folder, or as none: refuse with 400. */
function cutParameters(path: string): string | undefined {
  const segments = path.split('/')
  const last = segments.length - 1
  for (const [i, segment] of segments.entries()) {
    const semicolon = segment.indexOf(';')
    if (semicolon === -1) continue
    const name = segment.slice(0, semicolon)
    const isEmptyFolder = name === '' && i < last
    if (isEmptyFolder || /^(?:\.|%2e){1,2}$/i.test(name)) return undefined
    segments[i] = name
  }
  return segments.join('/')
}
