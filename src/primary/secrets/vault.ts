import type { IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { isSecretReference } from '../../model/secret-reference.ts'
import { resolveEnvironment } from '../../support/environment-references.ts'
import { Agent as HttpAgent, request as requestHttp } from '../../support/node-http.ts'

/** A look-up of a name holds one of libuv's four threads: others need them too. */
const MAX_CONNECTIONS = 2
/** An idle connection is closed before Vault, or somebody in between, does so in the midst of a read. */
const IDLE_MS = 5_000
const MAX_ANSWER_BYTES = 1024 * 1024
const DEFAULT_TIMEOUT_SECONDS = 5

/** The fields of a secret, as Vault has them. */
export type SecretFields = Readonly<Record<string, unknown>>

/** A `vault/<id>` object of the configuration, with its token in plain text. */
export interface VaultObject {
  uri: string
  /** Path of the key-value engine, with `/data` behind it for version 2. */
  prefix: string
  token: string
  namespace?: string | undefined
  /** Seconds. */
  timeout?: number | undefined
}

/** Vault did not give a secret. */
export class VaultFailure extends Error {
  /** It says something about Vault, not about the one secret. */
  readonly isOutage: boolean

  constructor(message: string, isOutage: boolean) {
    super(message)
    this.isOutage = isOutage
  }
}

/** Reads one secret after the other, or a few at a time; connections are kept. */
export interface VaultReader {
  /** @throws VaultFailure */
  read(path: readonly string[]): Promise<SecretFields>
  stop(): void
}

/** @throws Error when the object makes no sense, such as a token that leads nowhere. */
export function createVaultReader(vault: VaultObject, environment: NodeJS.ProcessEnv): VaultReader {
  const base = baseUrl(vault)
  const token = resolveEnvironment(vault.token, environment)
  if (isSecretReference(token)) throw new Error('its token is a reference that leads nowhere')
  const headers: Record<string, string> = { 'x-vault-token': token, accept: 'application/json' }
  if (vault.namespace !== undefined) headers['x-vault-namespace'] = vault.namespace
  const options = { keepAlive: true, maxSockets: MAX_CONNECTIONS, timeout: IDLE_MS }
  const isHttps = base.startsWith('https:')
  const agent = isHttps ? new HttpsAgent(options) : new HttpAgent(options)
  const request = isHttps ? requestHttps : requestHttp
  const timeoutMs = (vault.timeout ?? DEFAULT_TIMEOUT_SECONDS) * 1000

  function get(url: string): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(timeoutMs)
      const sent = request(url, { agent, headers, signal }, (response) => {
        readText(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), fail)
      })
      const fail = (error: Error) => {
        const reason = signal.aborted ? `no answer within ${timeoutMs} ms` : error.message
        reject(new VaultFailure(`can't be asked: ${reason}`, true))
        sent.destroy()
      }
      sent.on('error', fail)
      sent.end()
    })
  }

  return {
    async read(path) {
      const { status, text } = await get([base, ...path.map(encodeURIComponent)].join('/'))
      if (status === 200) return decode(text)
      if (status >= 500 || status === 429) throw new VaultFailure(`answers ${status}`, true)
      throw new VaultFailure(REFUSALS[status] ?? `answers ${status}`, false)
    },
    stop: () => agent.destroy(),
  }
}

const REFUSALS: Readonly<Record<number, string>> = {
  400: 'answers 400: no such path, or a wrong namespace',
  403: 'answers 403: the token may not read it, or is no longer valid',
  404: 'answers 404: there is no such secret',
}

function baseUrl({ uri, prefix }: VaultObject): string {
  const steps = prefix.split('/').filter((step) => step !== '' && step !== '.')
  if (steps.includes('..')) throw new Error('its prefix has ".." in it')
  const url = URL.parse(`${uri.replace(/\/+$/, '')}/v1/${steps.map(encodeURIComponent).join('/')}`)
  if (url === null || !/^https?:$/.test(url.protocol)) throw new Error('its uri is no http(s) URL')
  return url.href.replace(/\/+$/, '')
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk
    if (text.length > MAX_ANSWER_BYTES) throw new Error('its answer is too long')
  }
  return text
}

function decode(text: string): SecretFields {
  let answer: { data?: unknown } | null = null
  try {
    answer = JSON.parse(text)
  } catch {
    // Whatever it is that answers there, the text may hold a secret: it is not quoted.
  }
  const fields = answer?.data
  if (isObject(fields)) return fields
  throw new VaultFailure('answers with what is no secret', false)
}

/**
 * A field of a secret as text, or why there is none. Version 2 of the key-value engine has the
 * fields one level deeper.
 */
export function fieldOf(
  fields: SecretFields,
  name: string,
): { value: string } | { reason: string } {
  const own = textOf(fields, name)
  if ('value' in own) return own
  const { data, metadata } = fields
  return isObject(data) && isObject(metadata) ? textOf(data, name) : own
}

function textOf(fields: SecretFields, name: string): { value: string } | { reason: string } {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined
  if (value === undefined || value === null) return { reason: 'has no such field' }
  if (typeof value === 'object') return { reason: 'has no text in that field' }
  const text = String(value)
  if (text === '') return { reason: 'has nothing in that field' }
  return isSecretReference(text) ? { reason: 'has a reference in that field' } : { value: text }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
