import type { ConfigTransaction, ResourceKey } from '../../store/config-repository.ts'

type Referrer = Awaited<ReturnType<ConfigTransaction['referrers']>>[number]

/** Of one look-up. */
const BATCH = 200

/** The stored objects that refer to any of these; one that refers to several may come again. */
export async function* referrersOf(
  tx: ConfigTransaction,
  targets: readonly ResourceKey[],
): AsyncGenerator<Referrer> {
  for (let at = 0; at < targets.length; at += BATCH) {
    yield* await tx.referrers(targets.slice(at, at + BATCH))
  }
}
