import { replaceText } from './replace-text.ts'
import { verifySignature } from './verify-signature.ts'

/** All that threads can be asked for: pure functions of what can be cloned. */
export const JOBS = {
  'replace-text': replaceText,
  'verify-signature': verifySignature,
}

export type JobName = keyof typeof JOBS
export type JobInput<N extends JobName> = Parameters<(typeof JOBS)[N]>[0]
export type JobOutput<N extends JobName> = ReturnType<(typeof JOBS)[N]>
