import { styleText } from 'node:util'
import { structuredPatch } from 'diff'
import type { ResourceBody } from '../../model/resource-kind.ts'
import { nameOf } from './config-object.ts'
import { maskSecrets } from './mask-secrets.ts'
import { sortObject, toYaml } from './object-text.ts'
import type { Plan, PlannedChange } from './plan.ts'

const CONTEXT_LINES = 2

type Style = Parameters<typeof styleText>[0]

/** Paints for a stream: plain text where it is no terminal or NO_COLOR is set. */
export type Paint = (style: Style, text: string) => string

export function paintFor(stream: NodeJS.WriteStream): Paint {
  return (style, text) => styleText(style, text, { stream })
}

const MARKS = {
  create: { sign: '+', style: 'green', word: 'create' },
  update: { sign: '~', style: 'yellow', word: 'update' },
  delete: { sign: '-', style: 'red', word: 'delete' },
} as const

/** One line: what is to be done with which object, and where it stands. */
export function renderHeading({ op, kind, id, object }: PlannedChange, paint: Paint): string {
  const { sign, style } = MARKS[op]
  const heading = paint(style, `${sign} ${nameOf({ kind, id })}`)
  if (object === undefined) return heading
  const { file, document } = object.source
  return `${heading} ${paint('gray', `${file}:${document.locate(object.path).line}`)}`
}

/** The heading and the lines that change. Secrets are not shown, only that they change. */
export function renderChange(change: PlannedChange, paint: Paint): string {
  const { before, after } = maskSecrets(change.kind, change)
  const lines = [renderHeading(change, paint)]
  const patch = structuredPatch('', '', textOf(before), textOf(after), '', '', {
    context: CONTEXT_LINES,
  })
  for (const [n, hunk] of patch.hunks.entries()) {
    if (n > 0) lines.push(paint('gray', '    ⋮'))
    for (const line of hunk.lines) lines.push(`  ${paintLine(line, paint)}`)
  }
  if (change.op === 'update' && patch.hunks.length === 0) {
    lines.push(paint('gray', '    a secret that is not shown changes'))
  }
  return lines.join('\n')
}

function textOf(body: ResourceBody | undefined): string {
  return body === undefined ? '' : toYaml(sortObject(body))
}

function paintLine(line: string, paint: Paint): string {
  const text = `${line[0]} ${line.slice(1)}`
  if (line.startsWith('+')) return paint('green', text)
  return line.startsWith('-') ? paint('red', text) : text
}

/** How much there is to be done, in one line; deletions stand out. */
export function renderSummary(
  { changes, unchanged, unselected, kept }: Plan,
  paint: Paint,
): string {
  const parts = (['create', 'update', 'delete'] as const).map((op) => {
    const count = changes.filter((change) => change.op === op).length
    const text = `${count} to ${MARKS[op].word}`
    return count > 0 ? paint(op === 'delete' ? ['bold', 'red'] : MARKS[op].style, text) : text
  })
  const rest = [
    `${unchanged} the same`,
    kept > 0 ? `${kept} not in the files, kept` : '',
    unselected > 0 ? `${unselected} of the files not selected` : '',
  ]
  return [...parts, ...rest.filter((text) => text !== '')].join(', ')
}
