import { ConfigError } from '../../model/errors.ts'
import type { RequestContext } from '../../model/request-context.ts'
import { compileValue, needsBody } from '../variables/variable.ts'
import { negated, OPERATORS } from './operators.ts'

/** Decides whether a request meets the conditions. */
export type Expression = (request: RequestContext) => boolean

const MAX_DEPTH = 32

/** Puts the parts together; `!` turns the whole around. */
const LOGIC: ReadonlyMap<string, (parts: readonly Expression[]) => Expression> = new Map([
  ['AND', all],
  ['OR', any],
  ['!AND', (parts) => not(all(parts))],
  ['!OR', (parts) => not(any(parts))],
])

/**
 * Compiles conditions in lua-resty-expr's form: a list of `[variable, operator, value]` and
 * `[variable, "!", operator, value]` that must all hold, or `["OR", …conditions]` with AND, OR, !AND
 * or !OR, nested at will. `[variable, value]` is short for `==`; no conditions hold for every request.
 * @throws ConfigError saying what is wrong, bad patterns and addresses included.
 */
export function compileExpression(vars: unknown): Expression {
  try {
    return compile(vars)
  } catch (cause) {
    const reason = cause instanceof ConfigError ? cause.message : String(cause)
    const message = `failed to validate the 'vars' expression: ${reason}`
    throw new ConfigError('GW_CONFIG_INVALID', message, { cause })
  }
}

/** What is wrong with conditions, without the words before it; undefined = nothing. */
export function checkExpression(vars: unknown): string | undefined {
  try {
    compile(vars)
    return undefined
  } catch (error) {
    return error instanceof ConfigError ? error.message : String(error)
  }
}

function compile(vars: unknown): Expression {
  if (vars === undefined || vars === null) return () => true
  if (!Array.isArray(vars)) throw invalid('expected an array')
  if (vars.length === 0) return () => true
  const [first] = vars
  if (!Array.isArray(first) && logicOf(first) === undefined) {
    throw invalid('rule should be wrapped inside brackets')
  }
  return compileRule(vars, 1)
}

/** True if the conditions ask for something that is in the request's body. */
export function expressionNeedsBody(vars: unknown): boolean {
  if (!Array.isArray(vars)) return false
  const [first] = vars
  if (typeof first === 'string' && logicOf(first) === undefined) return needsBody(first)
  return vars.some(expressionNeedsBody)
}

function compileRule(rule: unknown, depth: number): Expression {
  if (!Array.isArray(rule)) throw invalid('expected an array')
  if (depth > MAX_DEPTH) throw invalid(`conditions are nested more than ${MAX_DEPTH} deep`)
  if (rule.length === 0) throw invalid('rule too short')
  const [first] = rule
  if (Array.isArray(first)) return all(rule.map((part) => compileRule(part, depth + 1)))
  const logic = logicOf(first)
  if (logic === undefined) return compileCondition(rule)
  if (rule.length <= 2) throw invalid('rule too short')
  return logic(rule.slice(1).map((part) => compileRule(part, depth + 1)))
}

function compileCondition(condition: readonly unknown[]): Expression {
  const [name] = condition
  if (typeof name !== 'string') throw invalid('a condition starts with the name of a variable')
  const isNegated = condition.length === 4
  if (isNegated && condition[1] !== '!') throw invalid("bad 'not' expression")
  if (condition.length < 2 || condition.length > 4) throw invalid('invalid expression')
  const [sign, right] = condition.slice(isNegated ? 2 : 1)
  const operator = typeof sign === 'string' ? OPERATORS.get(sign.toLowerCase()) : undefined
  if (operator === undefined && condition.length > 2) {
    throw invalid(`invalid operator '${String(sign).slice(0, 20)}'`)
  }
  // A lone value after the name is what the variable must equal.
  const equals = OPERATORS.get('==')
  const test = operator === undefined ? equals?.(sign) : operator(right)
  if (test === undefined) throw invalid('invalid expression')
  const read = compileValue(name)
  const holds = isNegated ? negated(test) : test
  return (request) => holds(read(request))
}

function all(parts: readonly Expression[]): Expression {
  const [first, second, ...rest] = parts
  if (first !== undefined && second === undefined) return first
  if (first !== undefined && second !== undefined && rest.length === 0) {
    return (request) => first(request) && second(request)
  }
  return (request) => {
    for (const part of parts) if (!part(request)) return false
    return true
  }
}

function any(parts: readonly Expression[]): Expression {
  return (request) => {
    for (const part of parts) if (part(request)) return true
    return false
  }
}

function not(expression: Expression): Expression {
  return (request) => !expression(request)
}

function logicOf(word: unknown): ((parts: readonly Expression[]) => Expression) | undefined {
  return typeof word === 'string' ? LOGIC.get(word.toUpperCase()) : undefined
}

function invalid(reason: string): ConfigError {
  return new ConfigError('GW_CONFIG_INVALID', reason)
}
