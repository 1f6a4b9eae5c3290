import { mkdtemp, rm } from 'node:fs/promises'
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
// @ts-expect-error: it ships no types
import S3rver from '@20minutes/s3rver'
import { createObjectStore, type ObjectStore } from '../../src/fallback/object-store.ts'

/** The account that the server knows. */
export const S3_ACCOUNT = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }

export const RESOURCE_BUCKET = 'resources'
export const CONFIG_BUCKET = 'config'

/** What goes wrong with a request: undefined = nothing. */
export type S3Fault =
  | { status: number }
  /** Takes the connection and never answers. */
  | 'hang'
  /** Answers with so many bytes of the body a second. */
  | { bytesPerSecond: number }
  /** Ends the body early. */
  | { truncateAt: number }

export interface S3Request {
  method: string
  /** With the host in it, as it was asked for. */
  url: string
  /** Has `If-Match` or `If-None-Match`. */
  conditional: boolean
}

interface CleanUp {
  after(fn: () => Promise<void> | void): void
}

export interface TestS3 {
  readonly endpoint: string
  /** Settings of the stores and of `HOLDFAST_FALLBACK_S3_*`. */
  readonly settings: {
    endpoint: string
    region: string
    credentials: { accessKeyId: string; secretAccessKey: string }
    forcePathStyle: boolean
    resourceBucket: string
    configBucket: string
  }
  readonly env: Record<string, string>
  readonly requests: readonly S3Request[]
  /** Direct access, past the faults. */
  readonly store: ObjectStore
  /** Decides about each request from now on. */
  fault: (request: S3Request) => S3Fault | undefined
  /** False: conditions on PUT are overlooked, as some compatible stores do. */
  conditionalPuts: boolean
  readJson(bucket: string, key: string): Promise<Record<string, unknown> | undefined>
  /** Refuses connections until `start`. */
  stop(): Promise<void>
  start(): Promise<void>
}

/**
 * An S3 server that verifies signatures (s3rver), behind a proxy that adds faults, and the
 * conditional writes that s3rver lacks.
 */
export async function startS3(t: CleanUp): Promise<TestS3> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-s3-'))
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    directory,
    silent: true,
    allowMismatchedSignatures: false,
    serviceEndpoint: 'localhost',
    configureBuckets: [{ name: RESOURCE_BUCKET }, { name: CONFIG_BUCKET }],
  })
  const { port: s3Port } = (await server.run()) as AddressInfo
  const direct = {
    endpoint: `http://127.0.0.1:${s3Port}`,
    region: 'us-east-1',
    credentials: S3_ACCOUNT,
    forcePathStyle: true,
  }
  const store = createObjectStore(direct)
  const requests: S3Request[] = []
  let last: Promise<unknown> = Promise.resolve()
  /** One after the other: s3rver shows half-written objects, and a condition has to hold for its write. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = last.then(work, work)
    last = done
    return done
  }

  const onRequest = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const url = `${incoming.headers.host}${incoming.url}`
    const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = incoming.headers
    const conditional = (ifMatch ?? ifNoneMatch) !== undefined
    const asked = { method: incoming.method ?? '', url, conditional }
    requests.push(asked)
    const body: Buffer[] = []
    for await (const chunk of incoming) body.push(chunk)
    const fault = s3.fault(asked)
    if (fault === 'hang') return
    if (fault !== undefined && 'status' in fault) {
      outgoing.writeHead(fault.status, { 'content-type': 'application/xml' })
      outgoing.end('<Error><Code>Injected</Code><Message>injected</Message></Error>')
      return
    }
    const forward = async () => {
      if (s3.conditionalPuts && !(await holds(incoming))) {
        outgoing.writeHead(412, { 'content-type': 'application/xml' })
        outgoing.end('<Error><Code>PreconditionFailed</Code></Error>')
        return
      }
      await pass(incoming, Buffer.concat(body), outgoing, s3Port, fault)
    }
    await inTurn(forward)
  }

  async function holds({ method, url = '', headers }: IncomingMessage): Promise<boolean> {
    const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers
    if (method !== 'PUT' || (ifMatch === undefined && ifNoneMatch === undefined)) return true
    const [, bucket = '', key = ''] = /^\/([^/]+)\/([^?]+)/.exec(decodeURI(url)) ?? []
    const current = await store.get({ bucket, key }, 1e9)
    return ifNoneMatch === undefined ? current?.etag === ifMatch : current === undefined
  }

  let proxy = await listen(onRequest, 0)
  const { port } = proxy.address() as AddressInfo
  const endpoint = `http://127.0.0.1:${port}`
  const s3: TestS3 = {
    endpoint,
    settings: { ...direct, endpoint, resourceBucket: RESOURCE_BUCKET, configBucket: CONFIG_BUCKET },
    env: {
      HOLDFAST_FALLBACK_S3_ENDPOINT: endpoint,
      HOLDFAST_FALLBACK_S3_ACCESS_KEY: S3_ACCOUNT.accessKeyId,
      HOLDFAST_FALLBACK_S3_SECRET_KEY: S3_ACCOUNT.secretAccessKey,
      HOLDFAST_FALLBACK_S3_RESOURCE_BUCKET: RESOURCE_BUCKET,
      HOLDFAST_FALLBACK_S3_CONFIG_BUCKET: CONFIG_BUCKET,
    },
    requests,
    store,
    fault: () => undefined,
    conditionalPuts: true,
    async readJson(bucket, key) {
      const object = await inTurn(() => store.get({ bucket, key }, 1e9))
      return object && JSON.parse(object.bytes.toString())
    },
    stop: () => close(proxy),
    async start() {
      proxy = await listen(onRequest, port)
    },
  }
  t.after(async () => {
    store.stop()
    await close(proxy)
    await server.close()
    await rm(directory, { recursive: true, force: true })
  })
  return s3
}

/** Forwards a request with the headers that were signed, and the answer, with its fault. */
async function pass(
  { method, url, headers }: IncomingMessage,
  body: Buffer,
  outgoing: ServerResponse,
  port: number,
  fault: Exclude<S3Fault, 'hang' | { status: number }> | undefined,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const onward = request(
    { host: '127.0.0.1', port, method, path: url, headers },
    async (answer) => {
      const chunks: Buffer[] = []
      for await (const chunk of answer) chunks.push(chunk)
      const bytes = Buffer.concat(chunks)
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      if (fault === undefined) outgoing.end(bytes)
      else if ('truncateAt' in fault) {
        outgoing.write(bytes.subarray(0, fault.truncateAt), () => outgoing.destroy())
      } else drip(bytes, outgoing, fault.bytesPerSecond)
      resolve()
    },
  )
  onward.on('error', () => {
    outgoing.destroy()
    resolve()
  })
  onward.end(body)
  await promise
}

function drip(bytes: Buffer, outgoing: ServerResponse, bytesPerSecond: number): void {
  let sent = 0
  const timer = setInterval(() => {
    if (outgoing.destroyed || sent >= bytes.length) {
      clearInterval(timer)
      outgoing.end()
    } else outgoing.write(bytes.subarray(sent, ++sent))
  }, 1000 / bytesPerSecond)
}

async function listen(
  onRequest: (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>,
  port: number,
): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    onRequest(incoming, outgoing).catch(() => outgoing.destroy())
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return server
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}
