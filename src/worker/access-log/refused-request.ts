import type { Exchange } from '../../http/exchange.ts'
import type { Refusal } from '../../http/refusal.ts'
import { refusalBody } from '../../http/refusal-message.ts'
import type { ClientConnection } from '../../model/http-message.ts'
import type { RequestContext } from '../../model/request-context.ts'
import { BodyBudget } from '../body-budget.ts'
import { GatewayRequest } from '../gateway-request.ts'

const NO_BODIES = new BodyBudget(0, 0)

/**
 * What was refused before it became a request, as the access log shows it: who sent it, what it got,
 * and why (`$refusal`). Of what was sent there is nothing: it could not be read, or was not read.
 */
export function refusedRequest(refusal: Refusal, connection: ClientConnection): RequestContext {
  const exchange: Exchange = {
    method: '',
    target: '',
    httpVersion: '1.1',
    headers: [],
    authority: '',
    body: undefined,
    connection,
    startedAt: performance.now(),
    responded: true,
    status: refusal.status,
    bytesReceived: 0,
    bytesSent: refusalBody(refusal).length,
    headBytes: 0,
    respond() {},
    write: () => false,
    end() {},
    reply() {},
    abort() {},
    onDrain: undefined,
    onClose: undefined,
  }
  const request = new GatewayRequest(exchange, '', '', false, NO_BODIES)
  request.setVariable('refusal', refusal.reason)
  return request
}
