/** The longest time that Node's timers take, about 24 days: more is taken for 1 ms. */
export const MAX_TIMER_MS = 2 ** 31 - 1
