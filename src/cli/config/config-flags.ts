import { parseArgs } from 'node:util'
import { isResourceKind, RESOURCE_KINDS, type ResourceKind } from '../../model/resource-kind.ts'
import { UsageError } from '../verb-flags.ts'
import { createSelection, type LabelCondition, type Selection } from './selection.ts'

const DUMP_FORMATS = ['yaml', 'json'] as const
type DumpFormat = (typeof DUMP_FORMATS)[number]

/** What stands behind `holdfast config WORD`. */
export interface ConfigFlags {
  paths: string[]
  envFile: string | undefined
  adminUrl: URL | undefined
  group: string | undefined
  selection: Selection
  /** Where a dump goes; undefined = stdout. */
  output: string | undefined
  /** The folder of a dump with one file per object. */
  split: string | undefined
  /** Undefined: as the name of the output says, else YAML. */
  format: DumpFormat | undefined
  dryRun: boolean
  allowEmpty: boolean
  prune: boolean
  /** 0 = not at all. */
  waitMs: number
}

const COMMON = {
  'env-file': { type: 'string' },
  kinds: { type: 'string', multiple: true },
  label: { type: 'string', short: 'l', multiple: true },
} as const
const ADMIN = {
  'admin-url': { type: 'string' },
  group: { type: 'string', short: 'g' },
} as const

const OPTIONS = {
  dump: {
    ...COMMON,
    ...ADMIN,
    output: { type: 'string', short: 'o' },
    split: { type: 'string' },
    format: { type: 'string' },
  },
  validate: COMMON,
  diff: { ...COMMON, ...ADMIN, 'no-prune': { type: 'boolean' } },
  sync: {
    ...COMMON,
    ...ADMIN,
    'no-prune': { type: 'boolean' },
    'dry-run': { type: 'boolean' },
    'allow-empty': { type: 'boolean' },
    wait: { type: 'string' },
  },
} as const

/** The commands behind `holdfast config`. */
export type ConfigWord = keyof typeof OPTIONS

export function isConfigWord(word: string): word is ConfigWord {
  return Object.hasOwn(OPTIONS, word)
}

interface Values {
  [name: string]: string | boolean | (string | boolean)[] | undefined
}

/** Reads the flags of one command. @throws UsageError on what it does not know */
export function parseConfigFlags(
  word: ConfigWord,
  args: readonly string[],
  usage: string,
): ConfigFlags {
  const fail = (message: string) => new UsageError(message, usage)
  const { values, positionals } = parse(word, args, fail)
  const text = (name: string) => values[name] as string | undefined
  const isSet = (name: string) => values[name] === true
  const takesFiles = word !== 'dump'
  if (takesFiles && positionals.length === 0) throw fail('no file or folder is named')
  if (!takesFiles && positionals.length > 0) throw fail(`Unexpected argument '${positionals[0]}'`)
  if (text('output') !== undefined && text('split') !== undefined) {
    throw fail('--output and --split exclude each other')
  }
  const kinds = toKinds(values['kinds'] as string[] | undefined, fail)
  const labels = ((values['label'] ?? []) as string[]).map((label) => toLabel(label, fail))
  return {
    paths: positionals,
    envFile: text('env-file'),
    adminUrl: toUrl(text('admin-url'), fail),
    group: toGroup(text('group'), fail),
    selection: createSelection(kinds, labels),
    output: text('output'),
    split: text('split'),
    format: toFormat(text('format'), fail),
    dryRun: isSet('dry-run'),
    allowEmpty: isSet('allow-empty'),
    prune: !isSet('no-prune'),
    waitMs: toWaitMs(text('wait'), fail),
  }
}

type Fail = (message: string) => UsageError

function parse(word: ConfigWord, args: readonly string[], fail: Fail) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: OPTIONS[word],
      allowPositionals: true,
    })
    return { values: values as Values, positionals }
  } catch (error) {
    throw fail((error as Error).message)
  }
}

function toKinds(given: readonly string[] | undefined, fail: Fail): ResourceKind[] | undefined {
  const names = given?.flatMap((names) => names.split(','))
  for (const name of names ?? []) {
    if (isResourceKind(name)) continue
    throw fail(`there is no kind ${JSON.stringify(name)}; there are ${RESOURCE_KINDS.join(', ')}`)
  }
  return names as ResourceKind[] | undefined
}

function toLabel(text: string, fail: Fail): LabelCondition {
  const [name = '', ...rest] = text.split('=')
  if (name === '') throw fail('--label: NAME or NAME=VALUE is expected')
  return { name, value: rest.length === 0 ? undefined : rest.join('=') }
}

function toUrl(text: string | undefined, fail: Fail): URL | undefined {
  if (text === undefined) return undefined
  const url = URL.parse(text)
  if (url !== null && /^https?:$/.test(url.protocol)) return url
  throw fail('--admin-url: http://HOST:PORT or https://HOST:PORT is expected')
}

function toGroup(text: string | undefined, fail: Fail): string | undefined {
  if (text === undefined || /^[\w.-]{1,64}$/.test(text)) return text
  throw fail('--group: 1 to 64 letters, digits, dots, hyphens and underscores are expected')
}

function toFormat(text: string | undefined, fail: Fail): DumpFormat | undefined {
  if (text === undefined) return undefined
  const format = DUMP_FORMATS.find((name) => name === text)
  if (format === undefined) throw fail(`--format: one of ${DUMP_FORMATS.join(', ')} is expected`)
  return format
}

const MAX_WAIT_SECONDS = 60

function toWaitMs(text: string | undefined, fail: Fail): number {
  if (text === undefined) return 0
  const seconds = Number(text)
  if (seconds > 0 && seconds <= MAX_WAIT_SECONDS) return Math.ceil(seconds * 1000)
  throw fail(`--wait: seconds up to ${MAX_WAIT_SECONDS} are expected`)
}
