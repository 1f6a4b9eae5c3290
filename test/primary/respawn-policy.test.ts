import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { RespawnPolicy } from '../../src/primary/respawn-policy.ts'

suite('RespawnPolicy', () => {
  test('replaces a worker that has proved itself at once', () => {
    const policy = new RespawnPolicy(2)
    for (let n = 0; n < 100; n++) assert.equal(policy.delayAfter(60_000, n), 0)
  })

  test('lets every worker die young once without a delay', () => {
    const policy = new RespawnPolicy(8)
    for (let n = 0; n < 7; n++) assert.equal(policy.delayAfter(100, 0), 0)
  })

  for (const workers of [1, 2, 8]) {
    test(`forks less than once a second after a burst, with ${workers} workers`, () => {
      const policy = new RespawnPolicy(workers, () => 0)
      const forks: number[] = []
      let now = 0
      for (let n = 0; n < 60; n++) {
        const at = now + policy.delayAfter(50, now)
        forks.push(at)
        // The worst case: everything dies at once, and the others die while one waits.
        if (n % workers === workers - 1) now = at + 50
      }
      const late = forks.slice(Math.max(5, workers))
      for (const [index, at] of late.entries()) {
        const before = late[index - 1]
        if (before !== undefined) assert.ok(at - before > 1_000, `${at - before} ms apart`)
      }
      assert.ok(policy.isLooping(now))
    })
  }

  test('forgets quick deaths once the successors have lived long enough', () => {
    const policy = new RespawnPolicy(1, () => 0.5)
    for (let n = 0; n < 10; n++) policy.delayAfter(10, n)
    assert.equal(policy.delayAfter(5_000, 1e6), 0)
    assert.equal(policy.isLooping(1e6), false)
  })

  test('grows its delays up to half a minute', () => {
    const policy = new RespawnPolicy(1, () => 0.999)
    let now = 0
    let longest = 0
    for (let n = 0; n < 20; n++) {
      const delayMs = policy.delayAfter(10, now)
      longest = Math.max(longest, delayMs)
      now += delayMs + 10
    }
    assert.ok(longest > 25_000 && longest <= 30_000, `${longest}`)
  })
})
