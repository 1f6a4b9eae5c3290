import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { createKeyring, isEnvelope, NO_KEYRING, parseKeys } from '../../src/support/keyring.ts'

const newKey = () => randomBytes(32).toString('base64')
const keyring = (text: string) => createKeyring(parseKeys(text))

function reasonOf(opened: { ok: boolean; reason?: string }): string {
  assert.equal(opened.ok, false)
  return opened.reason ?? ''
}

suite('a keyring', () => {
  test('opens what it sealed, in its context', () => {
    const keys = keyring(`a:${newKey()}`)
    for (const value of ['', 'x', 'ключ\u0000🔑', 'k'.repeat(70_000)]) {
      const envelope = keys.seal(value, 'ssls/1/key')
      assert.match(envelope, /^\$aes256gcm\$a\$[A-Za-z0-9+/]+=*$/)
      assert.ok(isEnvelope(envelope))
      assert.deepEqual(keys.open(envelope, 'ssls/1/key'), { ok: true, value })
    }
  })

  test('never seals the same way twice', () => {
    const keys = keyring(`a:${newKey()}`)
    assert.notEqual(keys.seal('x', 'c'), keys.seal('x', 'c'))
  })

  test('refuses an envelope in another context', () => {
    const keys = keyring(`a:${newKey()}`)
    const envelope = keys.seal('secret', 'ssls/1/key')
    assert.match(reasonOf(keys.open(envelope, 'ssls/2/key')), /belongs elsewhere/)
  })

  test('names the key that is missing or another one', () => {
    const envelope = keyring(`old:${newKey()}`).seal('secret', 'c')
    assert.match(
      reasonOf(NO_KEYRING.open(envelope, 'c')),
      /key \[old\], which is not in the keyring/,
    )
    assert.match(
      reasonOf(keyring(`old:${newKey()}`).open(envelope, 'c')),
      /another key of that name/,
    )
  })

  test('refuses every envelope with one bit flipped', () => {
    const keys = keyring(`a:${newKey()}`)
    const [head = '', payload = ''] = keys.seal('secret', 'c').split(/(?<=\$a\$)/)
    const bytes = Buffer.from(payload, 'base64')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.equal(keys.open(head + flipped.toString('base64'), 'c').ok, false)
    }
  })

  test('refuses what only looks like an envelope', () => {
    const keys = keyring(`a:${newKey()}`)
    for (const text of ['$aes256gcm$', '$aes256gcm$a$', '$aes256gcm$a$AAAA', '$aes256gcm$a$!']) {
      const reason = reasonOf(keys.open(text, 'c'))
      assert.doesNotMatch(reason, /aes256gcm/)
    }
  })

  test('seals with the first key and opens with all', () => {
    const [a, b] = [`a:${newKey()}`, `b:${newKey()}`]
    const before = keyring(a).seal('secret', 'c')
    const rotated = keyring(`${b},${a}`)
    assert.deepEqual(rotated.ids, ['b', 'a'])
    assert.deepEqual(rotated.open(before, 'c'), { ok: true, value: 'secret' })
    assert.match(rotated.seal('secret', 'c'), /^\$aes256gcm\$b\$/)
  })

  test('leaves values as they are without keys', () => {
    assert.equal(NO_KEYRING.seal('secret', 'c'), 'secret')
  })
})

suite('the text of a keyring', () => {
  const key = newKey()

  test('takes commas, lines and both alphabets of base64', () => {
    const urlSafe = randomBytes(32).toString('base64url')
    const keys = parseKeys(`a:${key},b:${newKey()}\nc:${urlSafe}\n`)
    assert.deepEqual(
      keys.map(({ id }) => id),
      ['a', 'b', 'c'],
    )
  })

  const refusals = [
    { name: 'nothing', text: ' ,', reason: /^holds no key$/ },
    { name: 'a key without a name', text: key, reason: /^entry 1 is not NAME:KEY$/ },
    { name: 'name and key swapped', text: `${key}:a`, reason: /^entry 1: the name is not/ },
    { name: 'a short key', text: `a:${key.slice(4)}`, reason: /^entry 1: the key is not 32 bytes/ },
    { name: 'a long key', text: `a:AAAA${key}`, reason: /^entry 1: the key is not 32 bytes/ },
    { name: 'a name twice', text: `a:${key},a:${newKey()}`, reason: /^entry 2 has the name/ },
    { name: 'a bad name', text: `a:${key},ä:${key}`, reason: /^entry 2: the name is not/ },
    { name: 'one colon too many', text: `a:b:${key}`, reason: /^entry 1 is not NAME:KEY$/ },
  ]
  for (const { name, text, reason } of refusals) {
    test(`is refused without being quoted: ${name}`, () => {
      assert.throws(
        () => parseKeys(text),
        (error: Error) => {
          assert.match(error.message, reason)
          assert.ok(!error.message.includes(key.slice(4, 20)))
          return true
        },
      )
    })
  }
})
