import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResourceKind } from '../../../src/model/resource-kind.ts'
import { validateResource } from '../../../src/support/validate-resource.ts'

/** An object and, if it is to be refused, what the reason must say. */
export interface Case {
  name: string
  body: unknown
  refused?: RegExp
}

/** One test per case. */
export function testCases(kind: ResourceKind, cases: Case[]): void {
  for (const { name, body, refused } of cases) {
    test(refused ? `refuses ${name}` : `accepts ${name}`, () => {
      const reason = validateResource(kind, body)
      if (refused) assert.match(reason ?? 'accepted', refused)
      else assert.equal(reason, undefined)
    })
  }
}

export const NODES = { '127.0.0.1:80': 1 }

/** Values that no `id` may have. */
export const BAD_IDS = ['', 'a'.repeat(65), 'a/b', 'a b', 'ä', 0, -1, 1.5, true, null, [], {}]

/** What is wrong with the fields that describe an object of any kind. */
export function metadataCases(valid: object, except: string[] = []): Case[] {
  const fields: [string, unknown][] = [
    ['name', ''],
    ['name', 'n'.repeat(257)],
    ['desc', 'd'.repeat(257)],
    ['desc', 7],
    ['labels', 'env'],
    ['labels', { env: 'has space' }],
    ['labels', { env: '' }],
    ['labels', { env: 'v'.repeat(257) }],
    ['labels', { 'two\nlines': 1 }],
    ['create_time', 'now'],
    ['update_time', 1.5],
  ]
  return [
    ...BAD_IDS.map((id) => ({
      name: `id ${JSON.stringify(id)?.slice(0, 12)}`,
      body: { ...valid, id },
      refused: /^invalid configuration: property "id" validation failed: /,
    })),
    ...fields
      .filter(([field]) => !except.includes(field))
      .map(([field, value]) => ({
        name: `${field} ${JSON.stringify(value).slice(0, 24)}`,
        body: { ...valid, [field]: value },
        refused: new RegExp(`^invalid configuration: property "${field}" validation failed: `),
      })),
    {
      name: 'an unknown field',
      body: { ...valid, colour: 'red' },
      refused: /^invalid configuration: additional properties forbidden, found colour$/,
    },
  ]
}
