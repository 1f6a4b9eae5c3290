import type { QuotaLedger } from '../model/quota.ts'

/** A ledger that admits everything and counts nothing, for trying configurations out. */
export const NO_QUOTA: QuotaLedger = {
  take: () => ({ admitted: true, remaining: 0, resetMs: 0 }),
  pour: async () => 0,
  enter: async () => ({ taken: 1, release() {} }),
  circuit: () => undefined,
  report() {},
}
