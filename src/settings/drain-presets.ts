/**
 * How long, in milliseconds, a stopping gateway still accepts after it has become unready: until the
 * balancer in front has noticed. Each is probe interval × failures until unhealthy, plus a margin, of
 * the samples in conf/; HOLDFAST_DRAIN_WAIT_MS overrides it for other intervals.
 */
export const DRAIN_WAIT_MS = {
  none: 0,
  /** Probes every 2 s, out after 2. */
  haproxy: 5_000,
  /** keepalived: delay_loop 3, out after 2 tries. */
  lvs: 10_000,
  /** Endpoints are removed by the API server, not by probes; kube-proxy follows in seconds. */
  kubernetes: 10_000,
  /** Probes every 10 s, out after 2. */
  alb: 25_000,
  /** Probes every 10 s, out after 2, and up to 10 s more until all zones know. */
  nlb: 35_000,
} as const
