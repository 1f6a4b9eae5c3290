/** Stable codes of all errors; docs/errors.md has a row for each. Match on these, never on messages. */
export const ERROR_CODES = [
  'GW_SETTINGS_INVALID',
  'GW_CONFIG_INVALID',
  'GW_CONFIG_CONFLICT',
  'GW_CONFIG_REFERENCE',
  'GW_CONFIG_EMPTY',
  'GW_SNAPSHOT_INVALID',
  'GW_STORE_UNAVAILABLE',
  'GW_STORE_NEWER_SCHEMA',
  'GW_STORE_FAILED',
  'GW_FALLBACK_UNAVAILABLE',
  'GW_UPSTREAM_NO_NODE',
  'GW_UPSTREAM_LOCAL_LIMIT',
  'GW_UPSTREAM_CONNECT',
  'GW_UPSTREAM_TIMEOUT',
  'GW_UPSTREAM_RESET',
  'GW_UPSTREAM_PROTOCOL',
  'GW_REQUEST_TOO_LARGE',
  'GW_REQUEST_NO_MEMORY',
  'GW_REQUEST_ABORTED',
  'GW_QUOTA_UNAVAILABLE',
  'GW_JOB_REFUSED',
  'GW_JOB_TIMEOUT',
  'GW_PROTOCOL_IPC',
  'GW_EMBEDDED_DATABASE',
  'GW_PROCESS_ENDED',
  'GW_LISTEN_FAILED',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

/** Base of every error Holdfast throws on purpose. `code` survives process boundaries, `instanceof` does not. */
export class GatewayError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** A setting or an object of the configuration is not acceptable; the message names the field. */
export class ConfigError extends GatewayError {}

/** PostgreSQL could not be reached or refused. */
export class StoreError extends GatewayError {}

/** A node failed. `safeToRetry`: not one byte of the request can have reached an application. */
export class UpstreamError extends GatewayError {
  readonly safeToRetry: boolean

  constructor(code: ErrorCode, message: string, options: ErrorOptions & { safeToRetry: boolean }) {
    super(code, message, options)
    this.safeToRetry = options.safeToRetry
  }
}

/** The other side of an IPC channel sent what the contract does not allow. */
export class ProtocolError extends GatewayError {}
