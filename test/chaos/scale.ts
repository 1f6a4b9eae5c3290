/** CHAOS_SCALE=0.1 runs a tenth of everything: the short form of CI. */
const SCALE = Number(process.env['CHAOS_SCALE'] ?? 1)

/** The short form leaves out what only a quiet machine can judge. */
export const isShortForm = SCALE < 1

/** So many rounds of something, at least one. */
export function rounds(full: number): number {
  return Math.max(1, Math.round(full * SCALE))
}
