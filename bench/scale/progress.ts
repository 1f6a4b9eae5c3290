let shownAt = 0

/** Says how far a long step is: in place on a terminal, every 10 s elsewhere. */
export function progress(what: string, done: number, total: number): void {
  const now = performance.now()
  const { isTTY } = process.stderr
  if (done < total && now - shownAt < (isTTY ? 100 : 10_000)) return
  shownAt = now
  const text = `${what}: ${done} of ${total}`
  if (isTTY) process.stderr.write(`\r${text}\u001b[K${done < total ? '' : '\n'}`)
  else process.stderr.write(`${text}\n`)
}

export function megabytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1)
}
