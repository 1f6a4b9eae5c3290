const BOUNDARY = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i
const NAME = /;\s*name=(?:"([^"]*)"|([^\s;"]+))/i

/** Names and values of the parts of a multipart form; a part without a name is passed over. */
export function multipartFields(body: Buffer, contentType: string): [string, string][] {
  const match = BOUNDARY.exec(contentType)
  const boundary = match?.[1] ?? match?.[2]
  if (boundary === undefined) return []
  const delimiter = `\r\n--${boundary}`
  // latin1: one character a byte, so that binary parts survive beside the text ones.
  const parts = `\r\n${body.toString('latin1')}`.split(delimiter).slice(1)
  return parts.flatMap((part) => {
    const field = partField(part)
    return field === undefined ? [] : [field]
  })
}

function partField(part: string): [string, string] | undefined {
  const headEnd = part.indexOf('\r\n\r\n')
  if (headEnd === -1) return undefined
  const disposition = part
    .slice(0, headEnd)
    .split('\r\n')
    .find((line) => /^content-disposition:/i.test(line))
  const match = disposition === undefined ? null : NAME.exec(disposition)
  const name = match?.[1] ?? match?.[2]
  return name === undefined ? undefined : [utf8(name), utf8(part.slice(headEnd + 4))]
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString()
}
