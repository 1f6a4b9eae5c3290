import type { RequestContext } from '../../model/request-context.ts'

/** Whose requests are counted apart: values of labels that metrics share. */
export interface RequestLabels {
  readonly route: string
  readonly service: string
  readonly matchedUri: string
  readonly matchedHost: string
  readonly consumer: string
  /** Address of the node without its port. */
  readonly node: string
}

export function requestLabels(request: RequestContext, preferName: boolean): RequestLabels {
  const { route, consumer } = request
  const service = (preferName && route?.serviceName) || route?.serviceId
  return {
    route: (preferName && route?.name) || (route?.id ?? ''),
    service: service ?? '',
    matchedUri: route?.uri ?? '',
    matchedHost: route?.host ?? '',
    consumer: consumer?.username ?? '',
    node: hostOf(request.upstream.nodes.at(-1) ?? ''),
  }
}

function hostOf(node: string): string {
  const colon = node.lastIndexOf(':')
  return colon === -1 ? node : node.slice(0, colon).replace(/^\[|\]$/g, '')
}
