import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { StoreFailure, toStoreFailure } from './store-failure.ts'

/** Every try is over after this, answered or not, whatever the store does. */
const TRY_MS = 10_000
const CONNECT_MS = 3_000
/** The SDK's own repetition, inside of TRY_MS: it mends a clock that differs and a lost connection. */
const MAX_ATTEMPTS = 2

/** Where the objects are, and who we are there. */
export interface StoreSettings {
  /** Undefined: AWS's own of the region. */
  endpoint: string | undefined
  region: string
  /** Undefined: those that the SDK finds by itself. */
  credentials: { accessKeyId: string; secretAccessKey: string } | undefined
  forcePathStyle: boolean
}

/** Name of one object. */
interface ObjectName {
  bucket: string
  key: string
}

interface StoredObject {
  bytes: Buffer
  etag: string | undefined
}

interface PutOptions {
  contentType: string
  /** Hex; kept in the object's metadata. */
  sha256?: string
  /** Write only over this version, or (`null`) only where nothing is. */
  over?: string | undefined | null
}

/** An S3 bucket or several. Every call is over within 10 s; what fails throws StoreFailure. */
export interface ObjectStore {
  /** Undefined when there is none. One larger than `maxBytes` is a failure, found before it is read. */
  get(name: ObjectName, maxBytes: number): Promise<StoredObject | undefined>
  /** The SHA-256 that was given to `put`; undefined when there is no such object. */
  readSha256(name: ObjectName): Promise<string | undefined>
  /** @throws StoreFailure with reason `changed` when `over` does not hold. */
  put(name: ObjectName, bytes: Uint8Array | string, options: PutOptions): Promise<void>
  delete(name: ObjectName): Promise<void>
  stop(): void
}

export interface StoreTimes {
  tryMs?: number
  /** How far our clock is off; the SDK learns it by itself (tests). */
  clockOffsetMs?: number
}

/** Creates the store; it connects with the first use. */
export function createObjectStore(settings: StoreSettings, times: StoreTimes = {}): ObjectStore {
  const { tryMs = TRY_MS, clockOffsetMs = 0 } = times
  const client = new S3Client({
    region: settings.region,
    forcePathStyle: settings.forcePathStyle,
    ...(settings.endpoint !== undefined && { endpoint: settings.endpoint }),
    ...(settings.credentials !== undefined && { credentials: settings.credentials }),
    maxAttempts: MAX_ATTEMPTS,
    systemClockOffset: clockOffsetMs,
    // Checksums beyond what S3 demands are unknown to many compatible stores; we have our own.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: Math.min(CONNECT_MS, tryMs) },
  })

  /** Runs one try; the deadline holds even where the SDK does not look at the signal. */
  async function within<T>(name: ObjectName, work: (signal: AbortSignal) => Promise<T>) {
    const aborting = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const failure = new StoreFailure('unavailable', `does not answer within ${tryMs} ms`)
        reject(failure)
        aborting.abort(failure)
      }, tryMs)
    })
    const working = work(aborting.signal)
    // What comes late, and nobody waits for, may fail.
    working.catch(() => {})
    try {
      return await Promise.race([working, late])
    } catch (error) {
      throw toStoreFailure(error, name)
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    async get(name, maxBytes) {
      return orMissing(
        within(name, async (abortSignal) => {
          const command = new GetObjectCommand({ Bucket: name.bucket, Key: name.key })
          const { Body, ContentLength, ETag } = await client.send(command, { abortSignal })
          const body = Body as
            | (NodeJS.ReadableStream & { destroy(error?: Error): void })
            | undefined
          const cut = () => body?.destroy(abortSignal.reason)
          abortSignal.addEventListener('abort', cut)
          try {
            const bytes = await collect(body ?? [], maxBytes, ContentLength)
            return { bytes, etag: ETag }
          } finally {
            abortSignal.removeEventListener('abort', cut)
            // Not read to its end: the connection is of no more use.
            body?.destroy()
          }
        }),
      )
    },

    async readSha256(name) {
      return orMissing(
        within(name, async (abortSignal) => {
          const command = new HeadObjectCommand({ Bucket: name.bucket, Key: name.key })
          const { Metadata } = await client.send(command, { abortSignal })
          return Metadata?.['sha256'] ?? ''
        }),
      )
    },

    async put(name, bytes, { contentType, sha256, over }) {
      await within(name, (abortSignal) => {
        const command = new PutObjectCommand({
          Bucket: name.bucket,
          Key: name.key,
          Body: typeof bytes === 'string' ? Buffer.from(bytes) : bytes,
          ContentType: contentType,
          ...(sha256 !== undefined && { Metadata: { sha256 } }),
          ...(over === null && { IfNoneMatch: '*' }),
          ...(typeof over === 'string' && { IfMatch: over }),
        })
        return client.send(command, { abortSignal })
      })
    },

    async delete(name) {
      const command = new DeleteObjectCommand({ Bucket: name.bucket, Key: name.key })
      await within(name, (abortSignal) => client.send(command, { abortSignal }))
    },

    stop: () => client.destroy(),
  }
}

async function orMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof StoreFailure && error.kind === 'missing') return undefined
    throw error
  }
}

async function collect(
  body: AsyncIterable<unknown> | Iterable<unknown>,
  maxBytes: number,
  announced: number | undefined,
): Promise<Buffer> {
  const tooLarge = (size: number | string) =>
    new StoreFailure('invalid', `is too large: ${size} bytes, at most ${maxBytes} are read`)
  if (announced !== undefined && announced > maxBytes) throw tooLarge(announced)
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size > maxBytes) throw tooLarge(`more than ${maxBytes}`)
  }
  return Buffer.concat(chunks)
}
