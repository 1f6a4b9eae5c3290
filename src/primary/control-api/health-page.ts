import type { ShownNode, ShownUpstream } from './health-answers.ts'

const HEADINGS = [
  'Upstream',
  'Check type',
  'Node',
  'Status',
  'Successes',
  'TCP failures',
  'HTTP failures',
  'Time-outs',
]

/** The health of nodes for a browser. */
export function healthPage(upstreams: readonly ShownUpstream[]): string {
  const rows = upstreams.flatMap((upstream) => upstream.nodes.map((node) => row(upstream, node)))
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Upstream check status</title>
<style>
body { font: 14px sans-serif; margin: 2em }
td, th { border: 1px solid #bbb; padding: .3em .6em; text-align: left }
table { border-collapse: collapse }
.unhealthy { background: #fbb }
</style></head>
<body>
<h1>Upstream check status</h1>
<table>
<tr>${HEADINGS.map((heading) => `<th>${heading}</th>`).join('')}</tr>
${rows.join('\n')}
</table>
</body>
</html>
`
}

function row({ name, type }: ShownUpstream, { ip, port, status, counter }: ShownNode): string {
  const { success, tcp_failure, http_failure, timeout_failure } = counter
  const cells = [name, type, `${ip}:${port}`, status, success]
  const isUp = status === 'healthy' || status === 'mostly_healthy'
  const all = [...cells, tcp_failure, http_failure, timeout_failure]
  const shown = all.map((cell) => `<td>${escapeHtml(String(cell))}</td>`).join('')
  return `<tr class="${isUp ? 'healthy' : 'unhealthy'}">${shown}</tr>`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
