/** Every exit code of the `holdfast` binary; the numbers above 63 are those of BSD's sysexits.h. */
export const EXIT_CODES = {
  ok: 0,
  /** The question was answered, and the answer is no: not ready, unreachable. */
  failed: 1,
  /** Wrong verb or flag. */
  usage: 64,
  /** A port, a data directory or a program that is needed is not available. */
  unavailable: 69,
  /** A bug: an error that nobody expected. */
  software: 70,
  /** A setting is not acceptable. */
  config: 78,
  /** 128 + number of the signal, as shells say it: the second signal cut the graceful stop short. */
  sigint: 130,
  sigterm: 143,
} as const
