interface ResponseParser {
  onHeadersComplete(status: number, upgrade: boolean, keepAlive: boolean): number
}

const tolerant = new WeakSet<object>()

/**
 * Makes undici's HTTP/1.1 parser pass over `100 Continue` as over any other 1xx. undici cuts the
 * connection instead, since it never asks for one; but a client has to be able to parse it even
 * then (RFC 9110, section 15.2), and some servers do send it to every POST.
 *
 * The parser is private to undici, which is why its version is pinned; if it moves, nothing
 * breaks but this, and the test of it says so. `socket` is one that undici has just taken over.
 */
export function tolerateContinue(socket: object): void {
  const key = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'parser',
  )
  const parser = key === undefined ? undefined : (Reflect.get(socket, key) as unknown)
  if (!isResponseParser(parser)) return
  const prototype = Object.getPrototypeOf(parser) as ResponseParser
  if (tolerant.has(prototype)) return
  tolerant.add(prototype)
  const original = prototype.onHeadersComplete
  prototype.onHeadersComplete = function onHeadersComplete(status, upgrade, keepAlive) {
    return original.call(this, status === 100 ? 103 : status, upgrade, keepAlive)
  }
}

function isResponseParser(value: unknown): value is ResponseParser {
  return typeof value === 'object' && value !== null && 'onHeadersComplete' in value
}
