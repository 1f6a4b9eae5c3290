/** Comments, strings, names with dots, numbers, and single signs of the protocol buffers language. */
const TOKEN =
  /\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[A-Za-z_.][\w.]*|[\d.][\w.+]*|[{}[\]()<>=;,:+-]/y

/** What a statement at the top of a file begins with. */
const STATEMENTS = new Set([
  ...['syntax', 'edition', 'package', 'import', 'option', 'message', 'enum', 'service', 'extend'],
  ';',
])

const CLOSING = new Map([
  ['{', '}'],
  ['(', ')'],
  ['[', ']'],
])

/**
 * What is wrong with the text of a .proto file as far as its form goes: signs, brackets, and what its
 * statements begin with. Whether its types exist shows when it is compiled.
 */
export function checkProtoText(text: string): string | undefined {
  const open: string[] = []
  let startsStatement = true
  for (const token of tokensOf(text)) {
    if (token === undefined) return 'not the text of a .proto file, nor a descriptor set in base64'
    if (startsStatement && !STATEMENTS.has(token)) {
      return `unexpected "${token.slice(0, 40)}": expected ${[...STATEMENTS].join(', ')}`
    }
    const closing = CLOSING.get(token)
    if (closing !== undefined) open.push(closing)
    else if (isClosing(token) && open.pop() !== token) return `unexpected "${token}"`
    startsStatement = open.length === 0 && (token === ';' || token === '}')
  }
  const [missing] = open.slice(-1)
  if (missing !== undefined) return `missing "${missing}" at the end`
  return startsStatement ? undefined : 'missing ";" at the end'
}

function isClosing(token: string): boolean {
  return token === '}' || token === ')' || token === ']'
}

/** Undefined for what is no token; nothing follows. */
function* tokensOf(text: string): Generator<string | undefined> {
  TOKEN.lastIndex = 0
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at
    const token = TOKEN.exec(text)?.[0]
    if (token === undefined) {
      yield undefined
      return
    }
    const isSpace = /^(?:\s|\/[/*])/.test(token)
    if (!isSpace) yield token
  }
}
