/** Whether a host is one of these: names, or `*suffix`. Both sides in lower case. */
export function compileHosts(hosts: readonly string[]): (host: string) => boolean {
  const exact = new Set(hosts.filter((host) => !host.startsWith('*')))
  const suffixes = hosts.filter((host) => host.startsWith('*')).map((host) => host.slice(1))
  if (suffixes.length === 0) return (host) => exact.has(host)
  return (host) => exact.has(host) || suffixes.some((suffix) => host.endsWith(suffix))
}
