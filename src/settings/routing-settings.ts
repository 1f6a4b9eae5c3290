import { ROUTER_MODES, type RouterMode, type RoutingSettings } from '../model/routing.ts'
import { choice } from './setting.ts'

/** How requests find their routes. */
export const ROUTING_CATALOGUE = {
  HOLDFAST_ROUTER: choice(ROUTER_MODES, 'radixtree_host_uri'),
  HOLDFAST_DELETE_URI_TAIL_SLASH: choice(['true', 'false'], 'false'),
  HOLDFAST_NORMALIZE_URI_LIKE_SERVLET: choice(['true', 'false'], 'false'),
}

export function toRoutingSettings(values: {
  HOLDFAST_ROUTER: RouterMode
  HOLDFAST_DELETE_URI_TAIL_SLASH: 'true' | 'false'
  HOLDFAST_NORMALIZE_URI_LIKE_SERVLET: 'true' | 'false'
}): RoutingSettings {
  return {
    mode: values.HOLDFAST_ROUTER,
    deleteTailSlash: values.HOLDFAST_DELETE_URI_TAIL_SLASH === 'true',
    likeServlet: values.HOLDFAST_NORMALIZE_URI_LIKE_SERVLET === 'true',
  }
}
