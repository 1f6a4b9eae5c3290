/** What an endpoint of the control API answers. */
export interface ControlAnswer {
  status: number
  /** An object or list goes out as JSON; a text as it is. */
  body?: object | string
  /** Elements of a list too long to make at once; instead of a body. */
  items?: Iterable<unknown>
  contentType?: string
}

/** APISIX's form of an error. */
export function refuse(status: number, message: string): ControlAnswer {
  return { status, body: { error_msg: message } }
}
