import type { Route } from '../model/schemas/route.ts'
import type { Service } from '../model/schemas/service.ts'
import type { Upstream } from '../model/schemas/upstream.ts'

/**
 * Objects as the primary sends them: valid, but not all carry their defaults (a hand-edited backup,
 * a file). The worker fills in the few it needs where it needs them; loading the schemas for that
 * would cost each start of a worker 120 ms of CPU time, more than half of it.
 */
export type StoredUpstream = Partial<Upstream>

type WithUpstream<T> = Omit<Partial<T>, 'upstream'> & { upstream?: StoredUpstream }

export type StoredService = WithUpstream<Service>
export type StoredRoute = WithUpstream<Route>
