type Path = (string | number)[]

/** Steps that a reason begins with, outermost first, in the words of src/support/validation-reason.ts. */
const STEPS: readonly [RegExp, (match: RegExpExecArray) => Path][] = [
  [/^invalid (?:plugins )?configuration: /, () => []],
  [
    /^failed to check the configuration of plugin \[?([^\s\]]*)\]?(?: err)?: /,
    ([, name = '']) => ['plugins', name],
  ],
  [/^property "(.*?)" validation failed: /, ([, name = '']) => [name]],
  [/^failed to validate item (\d+): /, ([, number]) => [Number(number) - 1]],
]

/** What the end of a reason points to, in the object that the steps lead to. */
const ENDS: readonly [RegExp, (match: RegExpExecArray) => Path][] = [
  [/^additional properties forbidden, found (.*)$/, ([, name = '']) => [name]],
  [/^unknown plugin \[(.*)\]/, ([, name = '']) => ['plugins', name]],
  [
    /^property "(.*?)" of plugin \[(.*?)\] is not supported/,
    ([, path = '', plugin = '']) => ['plugins', plugin, ...path.split('.')],
  ],
  [
    /^property "(.*?)" (?:asks for|is not supported|is encrypted|looks encrypted)/,
    ([, path = '']) => path.split('.'),
  ],
]

/**
 * The place that a validator's reason speaks of, from the top of the object. Read from its words, so
 * that it works for all that words them this way: schemas, rules between fields, plugins.
 */
export function pathOfReason(reason: string): (string | number)[] {
  const path: Path = []
  let rest = reason
  for (;;) {
    const step = firstMatch(STEPS, rest)
    if (step === undefined) return [...path, ...(firstMatch(ENDS, rest)?.path ?? [])]
    path.push(...step.path)
    rest = rest.slice(step.length)
  }
}

function firstMatch(forms: typeof STEPS, text: string): { path: Path; length: number } | undefined {
  for (const [form, toPath] of forms) {
    const match = form.exec(text)
    if (match !== null) return { path: toPath(match), length: match[0].length }
  }
  return undefined
}
