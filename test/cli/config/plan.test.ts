import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { checkConfig } from '../../../src/cli/config/check-config.ts'
import type { FileObject } from '../../../src/cli/config/config-object.ts'
import { refuseEmptiness, toBulkChange } from '../../../src/cli/config/load-plan.ts'
import { maskSecrets } from '../../../src/cli/config/mask-secrets.ts'
import { makePlan, type Plan } from '../../../src/cli/config/plan.ts'
import { renderChange, renderSummary } from '../../../src/cli/config/render-change.ts'
import { createSelection } from '../../../src/cli/config/selection.ts'
import type { ResourceBody, ResourceKind } from '../../../src/model/resource-kind.ts'

const ALL = createSelection(undefined, [])
const plain = (_: unknown, text: string) => text

/** Objects as if a file `f.yaml` held them, one a line. */
async function wantedOf(bodies: Partial<Record<ResourceKind, ResourceBody[]>>) {
  let line = 0
  const objects = Object.entries(bodies).flatMap(([kind, list]) =>
    list.map((body): FileObject => {
      line++
      const document = { value: undefined, locate: at(line) }
      const id = String(body['username'] ?? body.id)
      return {
        kind: kind as ResourceKind,
        id,
        body,
        source: { file: 'f.yaml', document },
        path: [],
      }
    }),
  )
  const { objects: checked, problems } = await checkConfig(objects, ALL)
  assert.deepEqual(problems, [])
  return checked
}

function at(line: number) {
  return () => ({ line, column: 1 })
}

const prune = { prune: true }
const ops = ({ changes }: Plan) => changes.map(({ op, kind, id }) => `${op} ${kind}/${id}`)

const UPSTREAM = { id: 'u', nodes: { 'a:1': 1 } }
/** As the control plane has it: defaults in it, and times. */
const STORED_UPSTREAM = {
  ...{ id: 'u', nodes: { 'a:1': 1 }, type: 'roundrobin', scheme: 'http', pass_host: 'pass' },
  ...{ hash_on: 'vars', create_time: 1, update_time: 2 },
}

suite('a plan', () => {
  test('knows what is the same but for defaults, times and the order of keys', async () => {
    const plan = await makePlan(
      await wantedOf({ upstreams: [UPSTREAM] }),
      { upstreams: [STORED_UPSTREAM] },
      ALL,
      prune,
    )
    assert.deepEqual(ops(plan), [])
    assert.equal(plan.unchanged, 1)
  })

  test('creates, updates and deletes, what is referred to first', async () => {
    const wanted = await wantedOf({
      routes: [{ id: 'r', uri: '/', upstream_id: 'new' }],
      upstreams: [
        { ...UPSTREAM, retries: 3 },
        { ...UPSTREAM, id: 'new' },
      ],
    })
    const snapshot = {
      upstreams: [STORED_UPSTREAM],
      services: [{ id: 's' }],
      routes: [{ id: 'old', uri: '/' }],
    }
    const plan = await makePlan(wanted, snapshot, ALL, prune)
    assert.deepEqual(ops(plan), [
      'create upstreams/new',
      'update upstreams/u',
      'delete services/s',
      'delete routes/old',
      'create routes/r',
    ])
    assert.equal(renderSummary(plan, plain), '2 to create, 1 to update, 2 to delete, 0 the same')
    const kept = await makePlan(wanted, snapshot, ALL, { prune: false })
    assert.equal(kept.kept, 2)
    assert.ok(ops(kept).every((op) => !op.startsWith('delete')))
  })

  test('touches only what is selected', async () => {
    const byTeam = createSelection(['upstreams'], [{ name: 'team', value: 'a' }])
    const wanted = await wantedOf({
      upstreams: [
        { ...UPSTREAM, labels: { team: 'a' } },
        { ...UPSTREAM, id: 'other' },
      ],
      consumers: [{ username: 'jack' }],
    })
    const snapshot = {
      upstreams: [
        { ...UPSTREAM, id: 'gone', labels: { team: 'a' } },
        { ...UPSTREAM, id: 'of-b', labels: { team: 'b' } },
        { ...UPSTREAM, id: 'nobodys' },
      ],
      consumers: [{ username: 'jill', labels: { team: 'a' } }],
    }
    const plan = await makePlan(wanted, snapshot, byTeam, prune)
    assert.deepEqual(ops(plan), ['delete upstreams/gone', 'create upstreams/u'])
    assert.equal(plan.unselected, 2)
  })

  test('updates what lost its label instead of deleting it', async () => {
    const byTeam = createSelection(undefined, [{ name: 'team', value: undefined }])
    const present = { ...UPSTREAM, labels: { team: 'a' } }
    const plan = await makePlan(
      await wantedOf({ upstreams: [UPSTREAM] }),
      { upstreams: [present] },
      byTeam,
      prune,
    )
    assert.deepEqual(ops(plan), ['update upstreams/u'])
  })

  test('that would leave nothing is refused unless told', () => {
    const plan: Plan = { changes: [], unchanged: 0, unselected: 0, present: 1, kept: 0 }
    refuseEmptiness(plan, false)
    plan.changes.push({ op: 'delete', kind: 'routes', id: 'r', hidden: false })
    assert.throws(() => refuseEmptiness(plan, false), /all 1 on the control plane would be deleted/)
    refuseEmptiness(plan, true)
    refuseEmptiness({ ...plan, unchanged: 1 }, false)
  })

  test('keeps the time of creation of what is new only', async () => {
    const times = { create_time: 5, update_time: 6 }
    const wanted = await wantedOf({ upstreams: [{ ...UPSTREAM, ...times }] })
    const created = await makePlan(wanted, {}, ALL, prune)
    assert.deepEqual(created.changes.map(toBulkChange), [
      { op: 'put', kind: 'upstreams', id: 'u', body: { ...UPSTREAM, create_time: 5 } },
    ])
    const stored = { ...STORED_UPSTREAM, retries: 1 }
    const updated = await makePlan(wanted, { upstreams: [stored] }, ALL, prune)
    assert.deepEqual(updated.changes.map(toBulkChange), [
      { op: 'put', kind: 'upstreams', id: 'u', body: UPSTREAM },
    ])
  })
})

const ENVELOPE = '$aes256gcm$k1$AAAA'

/** What a line of the plan says of an upstream with this key, when the control plane has that one. */
function keyed(key: string, retries = 1): ResourceBody {
  return { ...UPSTREAM, retries, tls: { client_cert: 'C', client_key: key } }
}

suite('secrets', () => {
  test('of an envelope and a plain text are left to the control plane to compare', async () => {
    const { compare } = await import('../../../src/cli/config/normal-form.ts')
    assert.equal(compare('upstreams', keyed('plain'), keyed('plain')), 'same')
    assert.equal(compare('upstreams', keyed('plain'), keyed(ENVELOPE)), 'hidden')
    assert.equal(compare('upstreams', keyed(`${ENVELOPE}B`), keyed(ENVELOPE)), 'hidden')
    assert.equal(compare('upstreams', keyed('plain', 2), keyed(ENVELOPE)), 'different')
    assert.equal(compare('ssls', { cert: 'C', key: 'K' }, { cert: 'C' }), 'hidden')
    assert.equal(compare('ssls', { cert: 'C' }, { cert: 'C' }), 'same')
    assert.equal(compare('ssls', { cert: 'D', key: 'K' }, { cert: 'C' }), 'different')
  })

  const keyOf = (body: ResourceBody | undefined) =>
    (body as { tls: { client_key: string } } | undefined)?.tls.client_key
  const shown = [
    { before: 'a', after: 'a', says: '***' },
    { before: 'a', after: 'b', says: '*** (changed)' },
    { before: ENVELOPE, after: 'b', says: '*** (perhaps changed)' },
    { before: undefined, after: 'b', says: '***' },
  ]
  for (const { before, after, says } of shown) {
    test(`from ${before} to ${after} show as ${says}`, () => {
      const masked = maskSecrets('upstreams', {
        before: before === undefined ? undefined : keyed(before),
        after: keyed(after),
      })
      assert.equal(keyOf(masked.after), says)
      if (before !== undefined) assert.equal(keyOf(masked.before), '***')
    })
  }

  test('are in no line of a diff, whatever declares them', () => {
    const before = {
      username: 'jack',
      plugins: { 'key-auth': { key: 'hunter2' }, 'jwt-auth': { secret: 'hunter3', exp: 1 } },
    }
    const after = {
      username: 'jack',
      plugins: { 'key-auth': { key: 'hunter4' }, 'jwt-auth': { secret: 'hunter3', exp: 2 } },
    }
    const change = { op: 'update', kind: 'consumers', id: 'jack', hidden: false } as const
    const text = renderChange({ ...change, before, after }, plain)
    assert.doesNotMatch(text, /hunter/)
    assert.match(text, /- +key: "\*\*\*"\n {2}\+ +key: "\*\*\* \(changed\)"/)
    assert.match(text, /\+ +exp: 2/)
  })

  test('of a certificate that a file brings are not new because nobody is shown them', () => {
    const before = { id: 's', cert: 'C', sni: 'a' }
    const after = { ...before, key: 'K', sni: 'b' }
    const masked = maskSecrets('ssls', { before, after })
    assert.equal(masked.before?.['key'], '***')
    assert.equal(masked.after?.['key'], '*** (perhaps changed)')
  })
})

suite('a change is shown', () => {
  test('with its place and the lines that differ', async () => {
    const wanted = await wantedOf({ upstreams: [{ ...UPSTREAM, retries: 3 }] })
    const plan = await makePlan(wanted, { upstreams: [STORED_UPSTREAM] }, ALL, prune)
    const [change] = plan.changes
    assert.ok(change)
    assert.equal(
      renderChange(change, plain),
      [
        '~ upstreams/u f.yaml:1',
        '      a:1: 1',
        '    pass_host: pass',
        '  + retries: 3',
        '    scheme: http',
        '    type: roundrobin',
      ].join('\n'),
    )
  })
})
