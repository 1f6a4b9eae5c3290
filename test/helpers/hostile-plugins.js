// Plugins that do what no plugin should: plain JavaScript, no import of ours.

const anything = { type: 'object' }

/** Does, in the phase that its configuration names, what it says there. */
const hostile = {
  contract: 1,
  name: 'hostile',
  priority: 100,
  schema: anything,
  create({ phase = 'access', deed, reply, waitMs = 0 }) {
    const deeds = {
      // A promise that nobody waits for.
      forget: () => void Promise.reject(new Error('forgotten')),
      async: () => Promise.reject(new Error('not awaited')),
      late: () => Promise.resolve(reply ?? { status: 200, body: 1n }),
      never: () => new Promise(() => {}),
      wait: () => new Promise((resolve) => setTimeout(resolve, waitMs)),
      spoil: async (request) => void request.headers.push('x-a', 'a\r\nx-b: b'),
    }
    return { [phase]: deeds[deed], stop: () => void Promise.reject(new Error('stopped badly')) }
  },
}

/** Copies bytes of the answer, later. */
const copy = {
  contract: 1,
  name: 'copy',
  priority: 90,
  schema: anything,
  create: ({ late = true }) => ({
    bodyFilter: () => ({
      transform: (chunk) => (late ? Promise.resolve(Buffer.from(chunk)) : Buffer.from(chunk)),
    }),
  }),
}

export default [hostile, copy]
