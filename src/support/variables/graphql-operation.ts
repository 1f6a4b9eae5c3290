/** The first operation of a GraphQL document, as far as matching wants to know it. */
export interface GraphqlOperation {
  readonly operation: 'query' | 'mutation' | 'subscription'
  /** Empty for one without a name. */
  readonly name: string
  /** Names (not aliases) of the fields and fragment spreads at the top, in order. */
  readonly rootFields: readonly string[]
}

/** White space, commas and comments; block strings; strings; names; `...`; one other character. */
const TOKEN =
  /[\s,\ufeff]+|#[^\n\r]*|"""[\s\S]*?(?:(?<!\\)"""|$)|"(?:[^"\\\n]|\\.)*"?|[A-Za-z_]\w*|\.\.\.|[\s\S]/g

const OPERATIONS = new Set(['query', 'mutation', 'subscription'])
const CLOSERS: ReadonlyMap<string, string> = new Map([
  ['{', '}'],
  ['(', ')'],
  ['[', ']'],
])

/**
 * Finds the first operation in one pass over the tokens. Only what leads to the top-level fields is
 * checked, the rest needs balanced brackets: the node validates, we match. Undefined = no such
 * document, or a fragment comes first.
 */
export function parseOperation(document: string): GraphqlOperation | undefined {
  const tokens = (document.match(TOKEN) ?? []).filter((token) => !/^[\s,#\ufeff]/.test(token))
  if (!isBalanced(tokens)) return undefined
  let at = 0
  let operation = 'query'
  let name = ''
  if (tokens[0] !== '{') {
    operation = tokens[at++] ?? ''
    if (!OPERATIONS.has(operation)) return undefined
    if (isName(tokens[at])) name = tokens[at++] ?? ''
    while (at < tokens.length && tokens[at] !== '{') at = skip(tokens, at)
  }
  const rootFields = fieldsOf(tokens, at)
  if (rootFields.length === 0) return undefined
  return { operation: operation as GraphqlOperation['operation'], name, rootFields }
}

/** Names directly inside the braces that open at `start`. */
function fieldsOf(tokens: readonly string[], start: number): string[] {
  const fields: string[] = []
  let at = start + 1
  while (at < tokens.length && tokens[at] !== '}') {
    const token = tokens[at]
    if (token === '@' || token === '$') at += 2
    else if (token === '...' && tokens[at + 1] === 'on') at += 3
    else if (isName(token) && tokens[at + 1] === ':') at += 2
    else {
      if (isName(token)) fields.push(token)
      at = skip(tokens, at)
    }
  }
  return fields
}

/** Where the next token starts; for an opening bracket, after its closing one. */
function skip(tokens: readonly string[], start: number): number {
  let depth = 0
  let at = start
  do {
    const token = tokens[at++] ?? ''
    if (CLOSERS.has(token)) depth++
    else if (token === '}' || token === ')' || token === ']') depth--
  } while (depth > 0 && at < tokens.length)
  return at
}

function isBalanced(tokens: readonly string[]): boolean {
  const open: string[] = []
  for (const token of tokens) {
    const closer = CLOSERS.get(token)
    if (closer !== undefined) open.push(closer)
    else if (token.length === 1 && '})]'.includes(token) && open.pop() !== token) return false
  }
  return open.length === 0
}

function isName(token: string | undefined): token is string {
  return token !== undefined && /^[A-Za-z_]/.test(token)
}
