import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import refererRestriction from '../../src/plugins/referer-restriction.ts'
import { configure, createRequest, replyOf } from '../helpers/plugin-harness.ts'

suite('referer-restriction', () => {
  const whitelist = ['*.xx.com', 'yy.com']
  const cases = [
    { config: { whitelist }, referer: 'http://www.xx.com', status: undefined },
    { config: { whitelist }, referer: 'https://YY.com:8443/path?q', status: undefined },
    { config: { whitelist }, referer: 'https://www.yy.com/am', status: 403 },
    { config: { whitelist }, referer: 'http://xx.com.evil.example', status: 403 },
    { config: { whitelist }, referer: 'http://user@evil.example#.xx.com', status: 403 },
    { config: { whitelist }, referer: undefined, status: 403 },
    { config: { whitelist, bypass_missing: true }, referer: undefined, status: undefined },
    { config: { whitelist, bypass_missing: true }, referer: 'www.yy.com', status: undefined },
    { config: { whitelist, bypass_missing: true }, referer: 'http://zz.com', status: 403 },
    { config: { blacklist: ['*.xx.com'] }, referer: 'http://www.xx.com', status: 403 },
    { config: { blacklist: ['*.xx.com'] }, referer: 'http://yy.com', status: undefined },
  ]
  for (const { config, referer, status } of cases) {
    test(`${JSON.stringify(config)}, ${referer}: ${status ?? 'passes'}`, async () => {
      const headers = referer === undefined ? [] : ['Referer', referer]
      const instance = configure(refererRestriction, config)
      assert.equal((await replyOf(instance, createRequest({ headers })))?.status, status)
    })
  }
})
