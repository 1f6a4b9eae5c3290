/**
 * Value of APISIX's `X-APISIX-Upstream-Status`: the status of each attempt. Without `always` only
 * when the last one is 5xx. Undefined = no such field; there was no attempt, for instance.
 */
export function upstreamStatusHeader(
  statuses: readonly number[],
  always: boolean,
): string | undefined {
  const last = statuses.at(-1)
  if (last === undefined || (!always && (last < 500 || last > 599))) return undefined
  return statuses.length === 1 ? `${last}` : statuses.join(', ')
}
