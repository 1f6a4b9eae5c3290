/** Deeper than anything that can be stored; bounds the recursion. */
const MAX_DEPTH = 200

/** Told of each key and list item of a JSON text, in order, before its value is walked. */
export interface JsonVisitor {
  /** `depth` counts from 0, for the members of the outermost value. */
  enter(depth: number, key: string | number, offset: number): void
  /** An object or list at this depth begins: what was said of members at `depth` is over. */
  open(depth: number): void
}

/** A text that is not JSON: what was expected where. */
export class JsonSyntaxError extends Error {
  readonly offset: number

  constructor(message: string, offset: number) {
    super(message)
    this.offset = offset
  }
}

const SPACE = /[ \t\n\r]*/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in strings
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y
const ATOM = /(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)/y

/**
 * Walks a JSON text without building its value: JSON.parse says neither where a value stands nor, in
 * words that are fit to be shown, what is wrong. @throws JsonSyntaxError
 */
export function walkJson(text: string, visitor: JsonVisitor): void {
  const walk = new Walk(text, visitor, 0)
  walk.value(0)
  walk.end()
}

/** Walks only the value that begins at an offset. */
export function walkJsonValue(text: string, visitor: JsonVisitor, offset: number): void {
  new Walk(text, visitor, offset).value(0)
}

class Walk {
  readonly #text: string
  readonly #visitor: JsonVisitor
  #at: number

  constructor(text: string, visitor: JsonVisitor, offset: number) {
    this.#text = text
    this.#visitor = visitor
    this.#at = offset
  }

  value(depth: number): void {
    this.#skip(SPACE)
    if (depth > MAX_DEPTH) this.#fail(`it is nested deeper than ${MAX_DEPTH} levels`)
    const first = this.#text[this.#at]
    if (first === '{') this.#members(depth, '}', () => this.#field(depth))
    else if (first === '[') {
      let index = 0
      this.#members(depth, ']', () => this.#item(depth, index++))
    } else if (!this.#skip(first === '"' ? STRING : ATOM)) {
      this.#fail(first === '"' ? 'a string is not closed, or not valid' : 'a value is expected')
    }
  }

  end(): void {
    this.#skip(SPACE)
    if (this.#at < this.#text.length) this.#fail('there is more behind the end of the value')
  }

  #members(depth: number, closing: '}' | ']', member: () => void): void {
    this.#visitor.open(depth)
    this.#at++
    if (this.#takes(closing)) return
    for (;;) {
      member()
      if (this.#takes(closing)) return
      if (!this.#takes(',')) this.#fail(`"," or "${closing}" is expected`)
    }
  }

  #field(depth: number): void {
    this.#skip(SPACE)
    const start = this.#at
    if (!this.#skip(STRING)) this.#fail('a key in double quotes is expected')
    this.#visitor.enter(depth, JSON.parse(this.#text.slice(start, this.#at)), start)
    if (!this.#takes(':')) this.#fail('":" is expected')
    this.value(depth + 1)
  }

  #item(depth: number, index: number): void {
    this.#skip(SPACE)
    this.#visitor.enter(depth, index, this.#at)
    this.value(depth + 1)
  }

  #takes(character: string): boolean {
    this.#skip(SPACE)
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at
    if (!pattern.test(this.#text)) return false
    this.#at = pattern.lastIndex
    return true
  }

  #fail(message: string): never {
    const { length } = this.#text
    throw new JsonSyntaxError(this.#at >= length ? 'the text ends too early' : message, this.#at)
  }
}
