const LOGIC = new Set(['AND', 'OR', '!AND', '!OR'])
const OPERATORS = ['==', '~=', '>', '>=', '<', '<=', '~~', '~*', 'in', 'has', 'ipmatch']

/**
 * What is wrong with the conditions in `vars`: a list of `[variable, operator, value]` and
 * `[variable, "!", operator, value]`, all of which must hold, or `["OR" | "AND" | "!OR" | "!AND",
 * …conditions]`, nested at will. `[variable, value]` is short for `==`.
 */
export function checkVars(vars: unknown[]): string | undefined {
  if (vars.length === 0) return undefined
  const [first] = vars
  if (!Array.isArray(first) && !(typeof first === 'string' && isLogic(first))) {
    return 'rule should be wrapped inside brackets'
  }
  return checkRule(vars)
}

function checkRule(rule: unknown): string | undefined {
  if (!Array.isArray(rule)) return 'expected an array'
  const [first] = rule
  if (first === undefined) return 'rule too short'
  if (Array.isArray(first)) return checkAll(rule)
  if (typeof first !== 'string') return 'a condition starts with the name of a variable'
  if (!isLogic(first)) return checkCondition(rule)
  return rule.length <= 2 ? 'rule too short' : checkAll(rule.slice(1))
}

function checkAll(rules: unknown[]): string | undefined {
  for (const rule of rules) {
    const problem = checkRule(rule)
    if (problem) return problem
  }
  return undefined
}

function checkCondition(condition: unknown[]): string | undefined {
  const { length } = condition
  if (length < 2 || length > 4) return 'a condition has 2 to 4 elements'
  if (length === 2) return undefined
  if (length === 4 && condition[1] !== '!') return "bad 'not' expression"
  const operator = condition[length - 2]
  if (typeof operator === 'string' && OPERATORS.includes(operator.toLowerCase())) return undefined
  const shown = typeof operator === 'string' ? operator.slice(0, 20) : typeof operator
  return `invalid operator '${shown}': expected one of ${OPERATORS.join(' ')}`
}

function isLogic(word: string): boolean {
  return LOGIC.has(word.toUpperCase())
}
