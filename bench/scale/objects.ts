/** Objects for measurements, as an author would write them: what they share is what real ones share. */

export interface Change {
  op: 'put' | 'delete'
  kind: string
  id: string
  body?: Record<string, unknown>
}

/** How the routes of a configuration say where requests go, and what runs for them. */
export const SHAPES = ['inline', 'upstream_id', 'key-auth', 'service'] as const
export type Shape = (typeof SHAPES)[number]

/** Routes to one upstream, as in APISIX installations of that size. */
const ROUTES_PER_UPSTREAM = 5
const NODES_PER_UPSTREAM = 2

export function put(kind: string, id: string, body: Record<string, unknown>): Change {
  return { op: 'put', kind, id, body }
}

/** Nodes at addresses of their own, or all at `nodePort` of this machine, which answers. */
export function nodesOf(n: number, nodePort?: number): Record<string, number> {
  if (nodePort !== undefined) return { [`127.0.0.1:${nodePort}`]: 1 }
  const nodes: Record<string, number> = {}
  for (let i = 0; i < NODES_PER_UPSTREAM; i++) {
    const at = n * NODES_PER_UPSTREAM + i
    nodes[`10.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}:8080`] = 1
  }
  return nodes
}

export function upstream(n: number, nodePort?: number): Change {
  const nodes = nodesOf(n, nodePort)
  return put('upstreams', `u${n}`, { name: `upstream ${n}`, type: 'roundrobin', nodes })
}

export function uriOf(n: number): string {
  return `/api/v${n % 7}/service-${n}/`
}

/** Route `n` of that shape. */
export function route(n: number, shape: Shape): Change {
  const common = {
    name: `route ${n}`,
    uri: `${uriOf(n)}*`,
    methods: ['GET', 'POST'],
    labels: { team: `team-${n % 50}` },
  }
  return put('routes', `r${n}`, { ...common, ...destination(n, shape) })
}

function destination(n: number, shape: Shape): Record<string, unknown> {
  switch (shape) {
    case 'inline':
      return { upstream: { type: 'roundrobin', nodes: nodesOf(n) } }
    case 'upstream_id':
      return { upstream_id: `u${Math.floor(n / ROUTES_PER_UPSTREAM)}` }
    case 'key-auth':
      return { upstream_id: 'u0', plugins: { 'key-auth': { header: `x-key-${n % 10}` } } }
    case 'service':
      return { service_id: 's0' }
  }
}

/** All objects of a configuration with that many routes of one shape. */
export function configuration(routes: number, shape: Shape): Change[] {
  const upstreams = shape === 'upstream_id' ? Math.ceil(routes / ROUTES_PER_UPSTREAM) : 1
  return [
    ...Array.from({ length: shape === 'inline' ? 0 : upstreams }, (_, n) => upstream(n)),
    ...(shape === 'service' ? [put('services', 's0', { upstream_id: 'u0' })] : []),
    ...Array.from({ length: routes }, (_, n) => route(n, shape)),
  ]
}
