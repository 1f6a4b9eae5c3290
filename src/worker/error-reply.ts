import type { Exchange } from '../http/exchange.ts'
import { STATUS_CODES } from '../support/node-http.ts'

const JSON_TYPE = ['content-type', 'application/json; charset=utf-8']

/** Answers with APISIX's error shape, `{"error_msg":"502 Bad Gateway"}`; nothing internal shows. */
export function replyError(
  exchange: Exchange,
  status: number,
  message = STATUS_CODES[status] ?? 'Error',
): void {
  const headers = status === 503 ? [...JSON_TYPE, 'retry-after', '1'] : [...JSON_TYPE]
  exchange.reply(status, headers, JSON.stringify({ error_msg: `${status} ${message}` }))
}
