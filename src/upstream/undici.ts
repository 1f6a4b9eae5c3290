import { createRequire } from 'node:module'
import type * as Undici from 'undici'

const require = createRequire(import.meta.url)

/**
 * The parts of undici that workers use, by their files: all of it, with its caches, cookies and web
 * sockets, would cost each of them 45 ms more at its start. The version is pinned: see undici-parser.ts.
 */
export const Client: typeof Undici.Client = require('undici/lib/dispatcher/client.js')
export const Agent: typeof Undici.Agent = require('undici/lib/dispatcher/agent.js')
export const errors: typeof Undici.errors = require('undici/lib/core/errors.js')

// As undici's index does; without it dispatchers have no `request`.
const Dispatcher: typeof Undici.Dispatcher = require('undici/lib/dispatcher/dispatcher.js')
Object.assign(Dispatcher.prototype, require('undici/lib/api'))
