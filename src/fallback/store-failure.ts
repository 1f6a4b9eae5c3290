import { GatewayError } from '../model/errors.ts'

/**
 * What is to be done about a failure. `changed`: somebody else wrote the object meanwhile;
 * `unsupported`: the store knows no such request.
 */
export type FailureKind =
  | 'missing'
  | 'forbidden'
  | 'changed'
  | 'invalid'
  | 'unsupported'
  | 'unavailable'

/** The store, or an object in it, can't be used; the message is in plain words, without credentials. */
export class StoreFailure extends GatewayError {
  readonly kind: FailureKind

  constructor(kind: FailureKind, message: string, options?: ErrorOptions) {
    super(kind === 'invalid' ? 'GW_SNAPSHOT_INVALID' : 'GW_FALLBACK_UNAVAILABLE', message, options)
    this.kind = kind
  }
}

/** By S3's names of errors, the SDK's and Node's codes. None of S3's own texts: they may quote keys. */
const KNOWN: Record<string, [FailureKind, string]> = {
  NoSuchKey: ['missing', 'does not exist'],
  NotFound: ['missing', 'does not exist'],
  NoSuchBucket: ['unavailable', 'is in a bucket that does not exist'],
  InvalidAccessKeyId: ['forbidden', 'is refused: the access key is not known'],
  SignatureDoesNotMatch: ['forbidden', 'is refused: the secret key is wrong'],
  ExpiredToken: ['forbidden', 'is refused: the credentials have expired'],
  RequestTimeTooSkewed: ['forbidden', 'is refused: the clocks here and there differ too much'],
  AccessDenied: ['forbidden', 'is forbidden to these credentials'],
  CredentialsProviderError: ['forbidden', 'needs credentials and none were found'],
  PreconditionFailed: ['changed', 'was written by somebody else meanwhile'],
  ConditionalRequestConflict: ['changed', 'is being written by somebody else'],
  PermanentRedirect: ['unavailable', 'is in a bucket of another region or endpoint'],
  AuthorizationHeaderMalformed: ['unavailable', 'is in a bucket of another region'],
  NotImplemented: ['unsupported', 'needs something that this store can not do'],
  ECONNREFUSED: ['unavailable', 'can not be reached: connection refused'],
  ECONNRESET: ['unavailable', 'could not be had: connection cut'],
  EPIPE: ['unavailable', 'could not be had: connection cut'],
  ENOTFOUND: ['unavailable', 'can not be reached: the host name does not resolve'],
  EAI_AGAIN: ['unavailable', 'can not be reached: the host name does not resolve'],
  EHOSTUNREACH: ['unavailable', 'can not be reached'],
  ENETUNREACH: ['unavailable', 'can not be reached'],
  ETIMEDOUT: ['unavailable', 'can not be reached: no answer'],
  TimeoutError: ['unavailable', 'can not be reached: no answer'],
}

interface SdkError {
  name?: string
  code?: unknown
  $metadata?: { httpStatusCode?: number }
}

/** Any failure of a call as a StoreFailure that names the object. */
export function toStoreFailure(
  error: unknown,
  { bucket, key }: { bucket: string; key: string },
): StoreFailure {
  const [kind, text] =
    error instanceof StoreFailure ? ([error.kind, error.message] as const) : classify(error)
  return new StoreFailure(kind, `s3://${bucket}/${key} ${text}`, { cause: error })
}

function classify(error: unknown): readonly [FailureKind, string] {
  const { name = '', code, $metadata } = (error ?? {}) as SdkError
  const known = KNOWN[name] ?? KNOWN[String(code)]
  if (known !== undefined) return known
  const status = $metadata?.httpStatusCode
  switch (status) {
    case 404:
      return ['missing', 'does not exist']
    case 401:
    case 403:
      return ['forbidden', `is forbidden to these credentials (${status})`]
    case 409:
    case 412:
      return ['changed', 'was written by somebody else meanwhile']
    case 501:
      return ['unsupported', 'needs something that this store can not do']
    default:
      return ['unavailable', `could not be had: ${status ?? (String(code ?? name) || 'no reason')}`]
  }
}
