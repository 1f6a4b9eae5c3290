/** Every exit code of the `holdfast` binary; the numbers above 63 are those of BSD's sysexits.h. */
export const EXIT = {
  OK: 0,
  /** The question was answered, and the answer is no: not ready, unreachable. */
  FAILED: 1,
  /** Wrong verb or flag. */
  USAGE: 64,
  /** What was read is not valid: configuration files, or what the control plane says of them. */
  INVALID: 65,
  /** A port, a data directory or a program that is needed is not available. */
  UNAVAILABLE: 69,
  /** A bug: an error that nobody expected. */
  SOFTWARE: 70,
  /** Somebody else was faster: try again. */
  CONFLICT: 75,
  /** A setting is not acceptable. */
  CONFIG: 78,
  /** 128 + number of the signal, as shells say it: the second signal cut the graceful stop short. */
  SIGINT: 130,
  SIGTERM: 143,
} as const
