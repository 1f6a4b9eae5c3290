/** A name that DNS is asked for the nodes of an upstream. */
export interface ServiceName {
  readonly name: string
  /** Undefined: the one that the answer has, or the usual one of the scheme. */
  readonly port: number | undefined
}

/** Reads `service_name` of an upstream: `host` or `host:port`. */
export function parseServiceName(text: string): ServiceName {
  const [, name = text, port] = /^(.*?)(?::(\d{1,5}))?$/.exec(text) ?? []
  return { name, port: port === undefined ? undefined : Number(port) }
}
